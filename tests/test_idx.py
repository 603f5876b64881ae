import gzip
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import KMNIST

from digitrec.errors import DataError
from digitrec.idx import ImageDataset, check_dataset, load_idx, parse_idx, torchvision_files
from tests.tiny import all_digits, fetch_from, idx_bytes, some_digits, write_idx_files

NAMES = [name for name, _ in KMNIST.resources]


def test_bytes_and_integers_are_read_as_they_were_written() -> None:
    images = some_digits(7)[0]
    found = parse_idx(idx_bytes(images), "images")
    np.testing.assert_array_equal(found, images)
    assert found.dtype == np.uint8
    table = np.array([[5, 70_000], [-1, 3]], np.int32)
    found = parse_idx(idx_bytes(table), "table")
    np.testing.assert_array_equal(found, table)
    assert found.dtype == np.dtype("int32")
    assert found.dtype.isnative


@pytest.mark.parametrize(
    ("code", "values"),
    [(0x09, "b"), (0x0B, "h"), (0x0D, "f"), (0x0E, "d")],
)
def test_every_kind_of_number_in_the_format_is_known(code: int, values: str) -> None:
    array = np.array([1, 2, -3], values)
    content = bytes([0, 0, code, 1, 0, 0, 0, 3]) + array.astype(array.dtype.newbyteorder(">")).tobytes()
    np.testing.assert_array_equal(parse_idx(content, "x"), array)


@pytest.mark.parametrize("content", [b"", b"\0\0", b"<htm", b"\0\0\x07\x01\0\0\0\0", b"\0\1\x08\x01\0\0\0\0"])
def test_what_is_no_idx_says_so(content: bytes) -> None:
    with pytest.raises(DataError, match=r"labels\.gz: no IDX file; its first bytes are b"):
        parse_idx(content, "labels.gz")


@pytest.mark.parametrize("length", [5, 6, 8, 12, 15, 16, 17, 400, -1])
def test_a_file_cut_short_anywhere_says_so(length: int) -> None:
    content = idx_bytes(some_digits(2)[0])[:length]
    with pytest.raises(DataError, match=rf"images: .*{len(content):,}"):
        parse_idx(content, "images")


def test_a_file_that_is_too_long_says_so() -> None:
    with pytest.raises(DataError, match=r"shape \(2, 28, 28\), 1,584 bytes; it has 1,585"):
        parse_idx(idx_bytes(some_digits(2)[0]) + b"\0", "images")


def test_four_files_make_a_dataset(tmp_path: Path) -> None:
    data = ImageDataset(*(part[:9] for part in all_digits()))
    write_idx_files(tmp_path, NAMES, list(data))
    asked = []
    found = load_idx(fetch_from(tmp_path, asked), torchvision_files(KMNIST))
    for one, two in zip(found, data, strict=True):
        np.testing.assert_array_equal(one, two)
    assert [file.name for file in asked] == NAMES


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    data = [part[:9] for part in all_digits()]
    write_idx_files(tmp_path, NAMES, data)
    (tmp_path / NAMES[1]).write_bytes(gzip.compress(idx_bytes(data[1])[:-1]))
    with pytest.raises(DataError, match=NAMES[1]):
        load_idx(fetch_from(tmp_path, []), torchvision_files(KMNIST))


def test_the_digits_pass_the_check() -> None:
    check_dataset(all_digits(), "digits")


def test_everything_that_is_wrong_with_a_dataset_is_named() -> None:
    wrong = ImageDataset(
        np.zeros((4, 32, 32), np.uint8), np.array([0, 1, 2, 10]), np.zeros((3, 28, 28)), np.zeros((2, 1), np.uint8)
    )
    with pytest.raises(DataError) as caught:
        check_dataset(wrong, "mine")
    assert str(caught.value).splitlines() == [
        "dataset 'mine' is not what it should be:",
        "  train images: got uint8 of shape (4, 32, 32), expected uint8 (n, 28, 28)",
        "  train labels: from 0 to 10, expected 0 to 9",
        "  test images: got float64 of shape (3, 28, 28), expected uint8 (n, 28, 28)",
        "  test labels: got uint8 of shape (2, 1), expected integers (n,)",
        "  test: 3 images but 2 labels",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": np.zeros((0, 28, 28), np.uint8), "train_labels": np.zeros(0, np.uint8)}, "train images"),
        ({"test_labels": np.full(360, -1)}, "test labels: from -1 to -1"),
        ({"test_labels": np.zeros(360)}, "test labels: got float64"),
        ({"test_labels": np.zeros(361, int)}, "test: 360 images but 361 labels"),
    ],
)
def test_a_single_mistake_in_a_dataset_is_found(change: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_dataset(all_digits()._replace(**change), "digits")
