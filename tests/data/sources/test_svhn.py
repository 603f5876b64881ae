from pathlib import Path

import numpy as np
from scipy.io import savemat
from torchvision.datasets import SVHN

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import svhn
from tests.tiny import fetch_from


def test_the_last_axis_counts_the_pictures_and_class_10_is_the_digit_0(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    labels = np.array([10, 1, 9, 10, 2], np.uint8)
    for name, rows in (("train", slice(3)), ("test", slice(3, 5))):
        arrays = {"X": images[rows].transpose(1, 2, 3, 0), "y": labels[rows, None]}
        savemat(tmp_path / f"{name}_32x32.mat", arrays, do_compression=True)
    asked = []
    found = svhn.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    np.testing.assert_array_equal(found.train_images, images[:3])
    np.testing.assert_array_equal(found.test_images, images[3:])
    assert found.train_labels.tolist() == [0, 1, 9]
    assert found.test_labels.tolist() == [0, 2]
    expected = [SVHN.split_list["train"], SVHN.split_list["test"]]
    urls = [f"{file.mirrors[0]}{file.name}" for file in asked]
    assert urls == [url.replace("http:", "https:") for url, *_ in expected]
    assert [file.md5_of_file for file in asked] == [md5 for *_, md5 in expected]
