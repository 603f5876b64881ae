import io
import lzma
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from digitrec.reading.decoding import ImageError, decode, decode_picture
from digitrec.reading.tiff import pages

STROKE = np.full((40, 30), 230, np.uint8)
STROKE[8:32, 12:16] = 20
COLOURS = np.dstack([STROKE, STROKE // 2, STROKE // 3])
SEEN = {1: STROKE[..., None], 3: COLOURS}


def tiff(array: np.ndarray, photometric: str, **settings: object) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, array, photometric=photometric, **settings)
    return content.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("kind", "factor"),
    [("u2", 4), ("u2", 16), ("u2", 257), ("i2", 128), ("u4", 16_843_009), ("f2", 1 / 255), ("f4", 1 / 255), ("f8", 1)],
)
def test_all_numbers_of_a_tiff_are_read(order: str, compression: str | None, kind: str, factor: float) -> None:
    grey, colours = ((part.astype(float) * factor).astype(order + kind) for part in (STROKE, COLOURS))
    settings = {"byteorder": order, "compression": compression}
    files = [
        (tiff(grey, "minisblack", **settings), STROKE[..., None]),
        (tiff(grey, "miniswhite", **settings), 255 - STROKE[..., None]),
        (tiff(colours, "rgb", **settings), COLOURS),
        (tiff(np.moveaxis(colours, -1, 0).copy(), "rgb", planarconfig="separate", **settings), COLOURS),
    ]
    for content, expected in files:
        picture = decode_picture(content, "x")
        assert picture.shape == expected.shape
        assert abs(picture.astype(int) - expected).max() <= 2
        assert decode(content, "x").shape == STROKE.shape


@pytest.mark.parametrize("factor", [4, 16, 257])
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".ppm"])
def test_scans_of_10_and_12_bits_in_colours_are_as_light_as_any(factor: int, suffix: str) -> None:
    # OpenCV writes blue first, and TIFF with LZW, which tifffile does not read.
    _, content = cv2.imencode(suffix, COLOURS[..., ::-1].astype(np.uint16) * factor)
    assert abs(decode_picture(content.tobytes(), "x").astype(int) - COLOURS).max() <= 2


@pytest.mark.parametrize("most", [1023, 4095, 65_535])
def test_pgm_is_read_whatever_white_is(most: int) -> None:
    levels = np.rint(STROKE / 255 * most).astype(">u2")
    content = b"P5\n30 40\n%d\n" % most + levels.tobytes()
    assert abs(decode(content, "x").astype(int) - STROKE).max() <= 2


def test_transparency_of_16_bits_is_kept() -> None:
    pixels = np.dstack([np.zeros_like(COLOURS), np.where(STROKE < 100, 255, 0)]).astype(np.uint16) * 257
    _, content = cv2.imencode(".png", pixels)
    grey = decode(content.tobytes(), "x").astype(int)
    assert (grey[20, 14], grey[3, 3]) == (0, 255)


def test_damaged_deep_files_are_told_of() -> None:
    noise = np.random.default_rng(0).integers(0, 65_536, (40, 30, 3), np.uint16)
    for content in (
        cv2.imencode(".png", noise)[1].tobytes(),
        tiff(noise, "rgb"),
        tiff(noise.astype(np.float32), "rgb", compression="zlib"),
    ):
        assert decode(content, "x").shape == (40, 30)
        with pytest.raises(ImageError, match="is cut short or damaged"):
            decode(content[:-600] if content.startswith(b"\x89") else content[: len(content) // 2], "x")


def test_the_number_of_bytes_is_bounded_before_anything_is_decoded() -> None:
    content = tiff(np.zeros((2, 2, 3)), "rgb")
    # 60 megapixels of 24 bytes.
    for field, value in ((256, 6000), (257, 10_000)):
        content = content.replace(
            field.to_bytes(2, "little") + b"\4\0\1\0\0\0\2\0\0\0",
            field.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little"),
        )
    with pytest.raises(ImageError, match="has 6,000 x 10,000 pixels of 24 bytes, expected at most 560,000,000"):
        decode(content, "x")


def test_a_picture_of_16_bits_that_pillow_reads_is_given_in_full() -> None:
    scan = STROKE.astype(np.uint16) * 4
    content = io.BytesIO()
    Image.fromarray(scan).save(content, "JPEG2000")
    assert abs(decode(content.getvalue(), "x").astype(int) - STROKE).max() <= 1


def with_fields(content: bytes, values: dict[int, int], kind: int = 4) -> bytes:
    """Write other numbers into a TIFF's directory."""
    (page,) = pages(content)
    for number, value in values.items():
        content = content.replace(page.fields[number], struct.pack("<HHII", number, kind, 1, value))
    return content


# Twenty megabytes, packed to next to nothing, by the number of the compression.
ZEROS = bytes(20_000_000)
PACKED = {8: zlib.compress(ZEROS), 32773: b"\x81\0" * 160_000, 34925: lzma.compress(ZEROS, preset=0)}


def memory_of(content: bytes) -> int:
    """Most bytes that are taken at once to decode a picture of 10 x 10 pixels."""
    tracemalloc.start()
    try:
        assert decode(content, "x").shape == (10, 10)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_no_more_is_unpacked_than_the_picture_has(compression: int, tile: tuple[int, int] | None) -> None:
    content = tiff(np.zeros((10, 10), np.uint16), "minisblack", compression="zlib", tile=tile)
    offset, length = (324, 325) if tile else (273, 279)
    packed = {259: compression, offset: len(content), length: len(PACKED[compression])}
    content = with_fields(content, packed) + PACKED[compression]
    assert memory_of(content) < 5_000_000
    if tile:
        # Of a kind of number that no tile's size is of.
        assert memory_of(with_fields(content, {322: 40_000, 323: 40_000}, kind=9)) < 5_000_000


def test_packbits_are_unpacked() -> None:
    content = tiff(STROKE.astype(np.uint16) * 257, "minisblack", compression="zlib")
    rows = [STROKE[y].astype("<u2") * 257 for y in range(40)]
    packed = b"".join(b"\x80" + bytes([2 * len(row) - 1]) + row.tobytes() for row in rows[:39])
    # The last row is white: twice 30 times the same byte.
    packed += 2 * bytes([257 - 30, 230])
    content = with_fields(content, {259: 32773, 273: len(content), 279: len(packed)}) + packed
    assert abs(decode(content, "x").astype(int) - STROKE).max() <= 2


def test_the_size_of_tiles_is_bounded_before_anything_is_decoded() -> None:
    content = tiff(np.zeros((10, 10, 3)), "rgb", tile=(16, 16))
    for width, message in (
        (40_000, "x: a tile: has 40,000 x 2,000 pixels, expected at most 70,000,000"),
        (20_000, "x: has 20,000 x 2,000 pixels of 24 bytes, expected at most 560,000,000"),
    ):
        with pytest.raises(ImageError, match=message):
            decode(with_fields(content, {322: width, 323: 2000}), "x")


def test_a_tiff_whose_size_is_no_whole_number_is_refused() -> None:
    content = with_fields(tiff(STROKE, "minisblack"), {256: 30}, kind=9)
    with pytest.raises(ImageError, match="x: is damaged: its width and height cannot be read"):
        decode(content, "x")


def test_a_turned_picture_of_16_bits_keeps_its_proportions() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    # As some programs write it, which Pillow tells only while the file is open.
    words = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(exif.tobytes()), exif.tobytes().hex().encode())
    chunk = struct.pack(">I", len(words)) + b"tEXt" + words + struct.pack(">I", zlib.crc32(b"tEXt" + words))
    content = cv2.imencode(".png", COLOURS[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    content = content[:33] + chunk + content[33:]
    assert decode_picture(content, "x").shape == (30, 40, 3)
    assert decode(content, "x").shape == (30, 40)
