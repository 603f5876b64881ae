from pathlib import Path

import numpy as np
from torchvision.datasets import FashionMNIST

from digitrec.datasets import fashion_mnist
from digitrec.idx import ImageDataset
from tests.tiny import all_digits, fetch_from, write_idx_files


def test_the_files_that_torchvision_names_are_asked_for_and_read(tmp_path: Path) -> None:
    data = ImageDataset(*(part[:5] for part in all_digits()))
    write_idx_files(tmp_path, [name for name, _ in FashionMNIST.resources], list(data))
    asked = []
    found = fashion_mnist.load(fetch_from(tmp_path, asked))
    for one, two in zip(found, data, strict=True):
        np.testing.assert_array_equal(one, two)
    assert [(file.name, file.md5_of_file) for file in asked] == FashionMNIST.resources
    assert {file.mirrors for file in asked} == {tuple(FashionMNIST.mirrors)}
