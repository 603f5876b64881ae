import gzip
from pathlib import Path

import numpy as np
import pytest

from digitrec.data.downloads import RemoteFile
from digitrec.data.idx import load_idx, md5_files, parse_idx
from digitrec.errors import DataError
from tests.tiny import fetch_from, idx_bytes, some_digits, write_idx_files


def test_bytes_and_integers_are_read_as_they_were_written() -> None:
    images = some_digits(7)[0][..., 0]
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
    content = idx_bytes(some_digits(2)[0][..., 0])[:length]
    with pytest.raises(DataError, match=rf"images: .*{len(content):,}"):
        parse_idx(content, "images")


@pytest.mark.parametrize(
    "shape", [(2**16,) * 4, (2**31, 2**31, 4), (0,) * 65, (1,) * 65, (0, 2**32 - 1, 2**32 - 1, 2**32 - 1)]
)
def test_a_shape_that_no_file_and_no_array_can_have_says_so(shape: tuple[int, ...]) -> None:
    content = bytes([0, 0, 0x08, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(all(n == 1 for n in shape))
    with pytest.raises(DataError, match=r"images: its header says shape"):
        parse_idx(content, "images")


def test_a_file_that_is_too_long_says_so() -> None:
    with pytest.raises(DataError, match=r"shape \(2, 28, 28\), 1,584 bytes; it has 1,585"):
        parse_idx(idx_bytes(some_digits(2)[0][..., 0]) + b"\0", "images")


def test_images_get_an_axis_for_their_channel_and_labels_do_not(tmp_path: Path) -> None:
    images, labels = some_digits(9)
    write_idx_files(tmp_path, ["images", "labels"], [images[..., 0], labels.astype(np.uint8)])
    asked: list[RemoteFile] = []
    found = load_idx(fetch_from(tmp_path, asked), md5_files(("https://a/",), {"images": "1", "labels": "2"}))
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)
    assert asked == [
        RemoteFile("images", ("https://a/",), md5_of_file="1"),
        RemoteFile("labels", ("https://a/",), md5_of_file="2"),
    ]


@pytest.mark.parametrize("change", [slice(2, 3), slice(20, 24), slice(-8, -4)])
def test_a_damaged_packed_file_is_named(tmp_path: Path, change: slice) -> None:
    content = bytearray(gzip.compress(idx_bytes(some_digits(2)[0][..., 0]), mtime=0))
    content[change] = bytes(len(content[change]))
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(DataError, match="images: cannot be unpacked"):
        load_idx(fetch_from(tmp_path, []), md5_files((), {"images": ""}))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(gzip.compress(idx_bytes(some_digits(2)[0][..., 0])[:-1]))
    with pytest.raises(DataError, match="images: its header says"):
        load_idx(fetch_from(tmp_path, []), md5_files((), {"images": ""}))
