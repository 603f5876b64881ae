from pathlib import Path

import numpy as np
from torchvision.datasets import KMNIST

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import kmnist
from tests.tiny import all_digits, fetch_from, write_idx_files


def test_the_files_that_torchvision_names_are_asked_for_and_read(tmp_path: Path) -> None:
    _, train_images, train_labels, test_images, test_labels = all_digits()
    arrays = [train_images[:5, ..., 0], train_labels[:5], test_images[:4, ..., 0], test_labels[:4]]
    write_idx_files(tmp_path, [name for name, _ in KMNIST.resources], arrays)
    asked = []
    found = kmnist.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    np.testing.assert_array_equal(found.train_images, train_images[:5])
    np.testing.assert_array_equal(found.train_labels, train_labels[:5])
    np.testing.assert_array_equal(found.test_images, test_images[:4])
    np.testing.assert_array_equal(found.test_labels, test_labels[:4])
    assert [(file.name, file.md5_of_file) for file in asked] == KMNIST.resources


def test_classes_have_their_names() -> None:
    assert list(kmnist.SPEC.image.classes) == KMNIST.classes
    assert kmnist.SPEC.image.preparation == "mnist"
