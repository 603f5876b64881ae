import re
from pathlib import Path

import numpy as np
from torchvision.datasets import FashionMNIST

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import fashion_mnist
from tests.tiny import all_digits, fetch_from, write_idx_files


def test_the_files_that_torchvision_names_are_asked_for_and_read(tmp_path: Path) -> None:
    _, train_images, train_labels, test_images, test_labels = all_digits()
    arrays = [train_images[:5, ..., 0], train_labels[:5], test_images[:4, ..., 0], test_labels[:4]]
    write_idx_files(tmp_path, [name for name, _ in FashionMNIST.resources], arrays)
    asked = []
    found = fashion_mnist.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    np.testing.assert_array_equal(found.train_images, train_images[:5])
    np.testing.assert_array_equal(found.train_labels, train_labels[:5])
    np.testing.assert_array_equal(found.test_images, test_images[:4])
    np.testing.assert_array_equal(found.test_labels, test_labels[:4])
    assert [(file.name, file.md5_of_file) for file in asked] == FashionMNIST.resources
    assert len({file.sha256_of_content for file in asked}) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256_of_content) for file in asked)


def test_classes_have_their_names() -> None:
    assert list(fashion_mnist.SPEC.image.classes) == FashionMNIST.classes
    assert fashion_mnist.SPEC.image.preparation == "resize"
