import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from digitrec.reading.decoding import ImageError, decode
from digitrec.reading.metadata import pixels_alone

STROKE = np.full((40, 30), 230, np.uint8)
STROKE[8:32, 12:16] = 20
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def saved(kind: str, **settings: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(STROKE).convert("RGB").save(content, kind, **settings)
    return content.getvalue()


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x010F], found[0x0112], found[0x011A] = "Maker", 6, 72.0
    return found


def chunk(name: bytes, data: bytes, is_sound: bool = True) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ (not is_sound))


def png_with(name: bytes, data: bytes, is_sound: bool = True) -> bytes:
    whole = saved("PNG", exif=exif())
    return whole[:33] + chunk(name, data, is_sound) + whole[33:]


BROKEN_CHUNKS = {
    "a text with a wrong sum": (b"tEXt", b"Title\0words", False),
    "a text of 70 MB": (b"zTXt", b"Title\0\0" + zlib.compress(bytes(70_000_000), 1), True),
    "texts that are no texts": (b"iTXt", b"\xff\xfe", True),
    "a profile of noise": (b"iCCP", b"name\0\0" + bytes(range(200)), True),
    "a profile with a wrong sum": (b"iCCP", b"name\0\0" + zlib.compress(PROFILE), False),
    "a resolution of two bytes": (b"pHYs", b"\0\1", True),
    "a gamma of none": (b"gAMA", b"", True),
    "a time with a wrong sum": (b"tIME", bytes(7), False),
    "a palette of none beside colours": (b"PLTE", b"\1", True),
    "a private one with a wrong sum": (b"vpAg", b"abc", False),
}


@pytest.mark.parametrize("broken", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
def test_broken_chunks_cost_neither_pixels_nor_orientation(broken: tuple[bytes, bytes, bool]) -> None:
    assert np.array_equal(decode(png_with(*broken), "x"), np.rot90(STROKE, -1))


def test_a_transparency_that_cannot_be_trusted_is_none() -> None:
    assert np.array_equal(decode(png_with(b"tRNS", bytes([0, 230] * 3), False), "x"), np.rot90(STROKE, -1))


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


BROKEN_SEGMENTS = {
    "a short JFIF": segment(0xE0, b"JFIF\0"),
    "a short Adobe": segment(0xEE, b"Adobe"),
    "a short profile": segment(0xE2, b"ICC_PROFILE\0"),
    "pictures that are not there": segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff" + bytes(30)),
    "Photoshop's": segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0\0\xff\xff\xff\xff"),
    "bytes between segments": bytes(3),
    "long comments": segment(0xFE, bytes(65_000)) * 20,
}


@pytest.mark.parametrize("broken", BROKEN_SEGMENTS.values(), ids=BROKEN_SEGMENTS)
def test_broken_segments_of_a_jpeg_cost_neither_pixels_nor_orientation(broken: bytes) -> None:
    whole = saved("JPEG", exif=exif())
    expected = decode(whole, "x")
    assert expected.shape == STROKE.T.shape
    assert np.array_equal(decode(whole[:2] + broken + whole[2:], "x"), expected)


@pytest.mark.parametrize(
    "field",
    [
        struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0),
        struct.pack(">HHIHH", 0x0112, 3, 2, 6, 6),
        struct.pack(">HHII", 0x0112, 4, 1, 6),
        struct.pack(">HHI4s", 0x0112, 1, 1, b"\6\0\0\0"),
        struct.pack(">HHI4s", 0x0112, 2, 2, b"6\0\0\0"),
    ],
    ids=["short", "twice", "long", "byte", "text"],
)
def test_orientation_is_read_whatever_its_type_beside_broken_fields(field: bytes) -> None:
    resolution, nowhere = struct.pack(">HHII", 0x011A, 10, 1, 62), struct.pack(">HHII", 0x010F, 2, 2**28, 2**24)
    fields = nowhere + field + resolution + struct.pack(">HHII", 0x8769, 4, 1, 2**32 - 16)
    telephone = b"Exif\0\0" + struct.pack(">2sHIH", b"MM", 42, 8, 4) + fields + struct.pack(">Iii", 0, -1, 0)
    assert decode(saved("JPEG", exif=telephone), "x").shape == STROKE.T.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_of_xmp_counts_where_exif_has_none(kind: str) -> None:
    settings: dict[str, object] = {"xmp": XMP, "exif": b"Exif\0\0" + bytes(30)}
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        settings = {"pnginfo": texts}
    assert decode(saved(kind, **settings), "x").shape == STROKE.T.shape


def fields_of(content: bytes) -> Iterator[tuple[int, int]]:
    """Give the number of each field of a little-endian TIFF and where it lies."""
    start = struct.unpack("<I", content[4:8])[0]
    for at in range(start + 2, start + 2 + 12 * struct.unpack("<H", content[start : start + 2])[0], 12):
        yield struct.unpack("<H", content[at : at + 2])[0], at


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_broken_fields_of_a_tiff_cost_neither_pixels_nor_orientation(
    compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = saved("TIFF", compression=compression, exif=exif(), icc_profile=PROFILE, description="words", dpi=(72, 72))
    expected = decode(whole, "x")
    beside = [at for number, at in fields_of(whole) if number in (270, 271, 282, 283, 296, 305, 34675)]
    assert len(beside) >= 6
    for at in beside:
        for kind, count, value in ((0, 1, 0), (2, 2**32 - 1, 8), (3, 0, 0), (5, 1, 2**32 - 16), (99, 1000, 1)):
            content = whole[: at + 2] + struct.pack("<HII", kind, count, value) + whole[at + 12 :]
            assert np.array_equal(decode(content, "x"), expected)
    # libtiff tells of them on its own.
    assert capfd.readouterr().err == ""


def test_a_broken_orientation_of_a_tiff_is_none() -> None:
    whole = saved("TIFF", exif=exif())
    at = dict(fields_of(whole))[0x0112]
    for broken in (struct.pack("<HII", 3, 1, 99), struct.pack("<HII", 2, 1, 6), struct.pack("<HII", 3, 0, 6)):
        assert decode(whole[: at + 2] + broken + whole[at + 12 :], "x").shape == STROKE.shape


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_noise_in_place_of_metadata_costs_no_pixels(kind: str) -> None:
    rng = np.random.default_rng(0)
    whole = saved(kind, exif=exif(), icc_profile=PROFILE, xmp=XMP)
    parts = [part for part in (XMP, exif().tobytes()[6:], PROFILE) if part[:40] in whole]
    assert len(parts) >= 2
    for part in parts:
        at = whole.index(part[:40])
        content = whole[:at] + rng.bytes(len(part)) + whole[at + len(part) :]
        assert sorted(decode(content, "x").shape) == [30, 40]


def test_damage_of_the_pixels_stays_damage() -> None:
    whole = saved("PNG", exif=exif())
    pixels = whole.index(b"IDAT") + 12
    content = whole[:pixels] + b"\0\0\0" + whole[pixels + 3 :]
    assert pixels_alone(content) == content
    with pytest.raises(ImageError, match="is cut short or damaged"):
        decode(content, "x")
    jpeg = saved("JPEG")
    with pytest.raises(ImageError, match="is cut short or damaged"):
        decode(jpeg[:-40], "x")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_without_its_metadata_has_the_same_pixels(kind: str) -> None:
    whole = saved(kind, exif=exif(), icc_profile=PROFILE, **({} if kind == "PNG" else {"xmp": XMP}))
    bare = pixels_alone(whole)
    assert len(bare) < len(whole) - len(PROFILE) / 2
    with Image.open(io.BytesIO(whole)) as image, Image.open(io.BytesIO(bare)) as alone:
        assert np.array_equal(np.asarray(image), np.asarray(alone))
