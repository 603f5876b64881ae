from pathlib import Path

import numpy as np
from torchvision.datasets import QMNIST

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import qmnist
from tests.tiny import all_digits, fetch_from, write_idx_files

RESOURCES = [*QMNIST.resources["train"], *QMNIST.resources["test"]]


def test_the_label_is_the_first_of_eight_columns(tmp_path: Path) -> None:
    data = all_digits()
    tables = []
    for labels in (data.train_labels[:30], data.test_labels[:20]):
        table = np.full((len(labels), 8), 77_777, np.int32)
        table[:, 0] = labels
        tables.append(table)
    arrays = [data.train_images[:30, ..., 0], tables[0], data.test_images[:20, ..., 0], tables[1]]
    write_idx_files(tmp_path, [url.rpartition("/")[2] for url, _ in RESOURCES], arrays)
    asked = []
    found = qmnist.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    np.testing.assert_array_equal(found.train_labels, data.train_labels[:30])
    np.testing.assert_array_equal(found.test_labels, data.test_labels[:20])
    np.testing.assert_array_equal(found.train_images, data.train_images[:30])
    np.testing.assert_array_equal(found.test_images, data.test_images[:20])
    assert [(f"{file.mirrors[0]}{file.name}", file.md5_of_file) for file in asked] == RESOURCES
