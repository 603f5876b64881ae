import gzip
import hashlib
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import MNIST

from digitrec.data.dataset import check_dataset
from digitrec.data.downloads import Fetcher
from digitrec.data.sources import mnist
from digitrec.data.statistics import pixel_statistics
from tests.tiny import ROOT, all_digits, fetch_from, write_idx_files

SHARED = ROOT.parent / "shared" / "mnist"


def test_the_four_files_are_asked_for_in_order_with_checksums_and_mirrors(tmp_path: Path) -> None:
    parts = [part[:5] for part in all_digits()[1:]]
    write_idx_files(
        tmp_path, list(mnist.SHA256_OF_CONTENT), [part[..., 0] if part.ndim == 4 else part for part in parts]
    )
    asked = []
    found = mnist.load(fetch_from(tmp_path, asked))
    for one, two in zip(found[1:], parts, strict=True):
        np.testing.assert_array_equal(one, two)
    assert [file.name for file in asked] == [name for name, _ in MNIST.resources]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256_of_content) for file in asked)
    assert len({file.sha256_of_content for file in asked}) == 4
    assert {file.mirrors for file in asked} == {mnist.MIRRORS}
    assert all(re.fullmatch("https://.*/mnist/", url) for url in mnist.MIRRORS)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original files are not at hand")
def test_the_original_files_have_the_checksums_in_the_table(tmp_path: Path) -> None:
    data = mnist.load(Fetcher([str(SHARED)], tmp_path))
    check_dataset(data)
    assert data.train_images.shape == (60_000, 28, 28, 1)
    assert data.test_images.shape == (10_000, 28, 28, 1)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    found = pixel_statistics(data.train_images)
    assert (round(found.mean[0], 4), round(found.std[0], 4)) == (0.1307, 0.3081)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original files are not at hand")
def test_the_zip_file_that_kaggle_gives_is_enough(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for name in mnist.SHA256_OF_CONTENT:
            content = gzip.decompress((SHARED / name).read_bytes())
            unpacked = name.removesuffix(".gz")
            archive.writestr(unpacked.replace("-idx", ".idx"), content)
            archive.writestr(f"{unpacked}/{unpacked}", content)
    data = mnist.load(Fetcher([f"file://{tmp_path}/archive.zip"], tmp_path / "cache"))
    check_dataset(data)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original files are not at hand")
def test_the_table_is_of_the_files_that_torchvision_knows() -> None:
    for name, md5 in MNIST.resources:
        assert hashlib.md5((SHARED / name).read_bytes()).hexdigest() == md5
