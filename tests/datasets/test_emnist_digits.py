import gzip
import zipfile
from pathlib import Path

import numpy as np
from torchvision.datasets import EMNIST

from digitrec.datasets import emnist_digits
from digitrec.idx import check_dataset
from tests.tiny import all_digits, fetch_from, idx_bytes


def test_the_digits_in_the_archive_are_put_upright(tmp_path: Path) -> None:
    data = all_digits()
    # As published: rows and columns exchanged, and other parts beside the digits.
    members = {
        "train-images-idx3": data.train_images[:30].transpose(0, 2, 1).copy(),
        "train-labels-idx1": data.train_labels[:30],
        "test-images-idx3": data.test_images[:20].transpose(0, 2, 1).copy(),
        "test-labels-idx1": data.test_labels[:20],
    }
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        archive.writestr("gzip/emnist-letters-train-images-idx3-ubyte.gz", b"not these")
        for name, array in members.items():
            archive.writestr(f"gzip/emnist-digits-{name}-ubyte.gz", gzip.compress(idx_bytes(array)))
    asked = []
    found = emnist_digits.load(fetch_from(tmp_path, asked))
    check_dataset(found, "emnist_digits")
    np.testing.assert_array_equal(found.train_images, data.train_images[:30])
    np.testing.assert_array_equal(found.test_images, data.test_images[:20])
    np.testing.assert_array_equal(found.train_labels, data.train_labels[:30])
    np.testing.assert_array_equal(found.test_labels, data.test_labels[:20])
    (file,) = asked
    assert f"{file.mirrors[0]}/{file.name}" == EMNIST.url
    assert file.md5_of_file == EMNIST.md5
