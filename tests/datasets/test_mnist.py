import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import MNIST

from digitrec.datasets import mnist
from digitrec.downloads import Fetcher
from digitrec.idx import ImageDataset, check_dataset
from digitrec.pixel_statistics import pixel_statistics
from tests.tiny import ROOT, all_digits, fetch_from, write_idx_files

SHARED = ROOT.parent / "shared" / "mnist"


def test_the_four_files_are_asked_for_in_order_with_checksums_and_mirrors(tmp_path: Path) -> None:
    data = ImageDataset(*(part[:5] for part in all_digits()))
    write_idx_files(tmp_path, list(mnist.SHA256_OF_CONTENT), list(data))
    asked = []
    found = mnist.load(fetch_from(tmp_path, asked))
    for one, two in zip(found, data, strict=True):
        np.testing.assert_array_equal(one, two)
    assert [file.name for file in asked] == [name for name, _ in MNIST.resources]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256_of_content) for file in asked)
    assert len({file.sha256_of_content for file in asked}) == 4
    assert {file.mirrors for file in asked} == {mnist.MIRRORS}
    assert all(re.fullmatch("https://.*/mnist/", url) for url in mnist.MIRRORS)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original files are not at hand")
def test_the_original_files_have_the_checksums_in_the_table(tmp_path: Path) -> None:
    data = mnist.load(Fetcher([str(SHARED)], tmp_path))
    check_dataset(data, "mnist")
    assert data.train_images.shape == (60_000, 28, 28)
    assert data.test_images.shape == (10_000, 28, 28)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert [round(value, 4) for value in pixel_statistics(data.train_images)] == [0.1307, 0.3081]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original files are not at hand")
def test_the_table_is_of_the_files_that_torchvision_knows() -> None:
    for name, md5 in MNIST.resources:
        assert hashlib.md5((SHARED / name).read_bytes()).hexdigest() == md5
