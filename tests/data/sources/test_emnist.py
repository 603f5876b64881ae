import gzip
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from torchvision.datasets import EMNIST

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import emnist_balanced, emnist_byclass, emnist_bymerge, emnist_digits, emnist_letters
from tests.tiny import all_digits, fetch_from, idx_bytes

CLASSES = EMNIST.classes_split_dict


@pytest.mark.parametrize(
    ("source", "split", "classes", "first"),
    [
        (emnist_digits, "digits", CLASSES["digits"], 0),
        (emnist_letters, "letters", [name.upper() for name in CLASSES["letters"][1:]], 1),
        (emnist_balanced, "balanced", CLASSES["balanced"], 0),
        (emnist_bymerge, "bymerge", CLASSES["bymerge"], 0),
        (emnist_byclass, "byclass", CLASSES["byclass"], 0),
    ],
)
def test_the_split_in_the_archive_is_put_upright_and_its_labels_count_from_0(
    tmp_path: Path, source: ModuleType, split: str, classes: list[str], first: int
) -> None:
    images = all_digits().train_images[:50]
    labels = (np.arange(50) % len(classes)).astype(np.uint8)
    # As published: rows and columns exchanged, and other parts beside it.
    members = {
        "train-images-idx3": images[:30, ..., 0].transpose(0, 2, 1),
        "train-labels-idx1": labels[:30] + np.uint8(first),
        "test-images-idx3": images[30:, ..., 0].transpose(0, 2, 1),
        "test-labels-idx1": labels[30:] + np.uint8(first),
    }
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        archive.writestr("gzip/emnist-mnist-train-images-idx3-ubyte.gz", b"not these")
        for name, array in members.items():
            archive.writestr(f"gzip/emnist-{split}-{name}-ubyte.gz", gzip.compress(idx_bytes(array.copy())))
    asked = []
    found = source.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    assert found.spec.name == source.__name__.rpartition(".")[2]
    assert list(found.spec.image.classes) == classes
    np.testing.assert_array_equal(found.train_images, images[:30])
    np.testing.assert_array_equal(found.test_images, images[30:])
    np.testing.assert_array_equal(found.train_labels, labels[:30])
    np.testing.assert_array_equal(found.test_labels, labels[30:])
    (file,) = asked
    assert f"{file.mirrors[0]}{file.name}" == EMNIST.url
    assert file.md5_of_file == EMNIST.md5
