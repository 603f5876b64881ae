from pathlib import Path

import numpy as np
import pytest

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import cifar10, cifar100
from digitrec.errors import DataError
from tests.data.packing import packed
from tests.tiny import fetch_from

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)


def _record(labels: list[int], image: np.ndarray) -> bytes:
    """As published: labels, then 1,024 bytes of red, of green, of blue, each row by row."""
    return bytes(labels) + b"".join(image[..., channel].tobytes() for channel in range(3))


def test_cifar10_has_five_training_files_and_one_label_a_record(tmp_path: Path) -> None:
    records = [_record([number % 10], image) for number, image in enumerate(IMAGES)]
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    # In another order than they are read in.
    members = {name: b"".join(records[2 * at : 2 * at + 2]) for at, name in reversed(list(enumerate(names)))}
    folder = "cifar-10-batches-bin"
    packed(tmp_path / "cifar-10-binary.tar.gz", {f"{folder}/{name}": content for name, content in members.items()})
    asked = []
    found = cifar10.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    np.testing.assert_array_equal(found.train_images, IMAGES[:10])
    np.testing.assert_array_equal(found.test_images, IMAGES[10:])
    assert found.train_labels.tolist() == list(range(10))
    assert found.test_labels.tolist() == [0, 1]
    assert asked[0].md5_of_file == "c32a1d4ab5d03f1284b67883e8d87530"


def test_cifar100_takes_the_fine_label_and_the_names_in_the_archive(tmp_path: Path) -> None:
    names = [f"thing_{number}" for number in range(100)]
    records = [_record([3, 90 + number], image) for number, image in enumerate(IMAGES[:6])]
    members = {"train.bin": records[:4], "test.bin": records[4:], "fine_label_names.txt": ["\n".join(names).encode()]}
    packed(
        tmp_path / "cifar-100-binary.tar.gz",
        {f"cifar-100-binary/{name}": b"".join(content) for name, content in members.items()},
    )
    asked = []
    found = cifar100.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    assert list(found.spec.image.classes) == names
    np.testing.assert_array_equal(found.train_images, IMAGES[:4])
    assert found.train_labels.tolist() == [90, 91, 92, 93]
    assert found.test_labels.tolist() == [94, 95]
    assert asked[0].md5_of_file == "03b5dce01913d631647c71ecec9e9cb8"


def test_half_a_record_is_an_error(tmp_path: Path) -> None:
    members = {name: _record([0], IMAGES[0])[:-1] for name in [*cifar10.TRAIN, cifar10.TEST]}
    packed(tmp_path / "cifar-10-binary.tar.gz", members)
    with pytest.raises(DataError, match="15,360 bytes of records, expected a multiple of 3,073"):
        cifar10.load(fetch_from(tmp_path, []))
