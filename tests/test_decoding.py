import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitrec.decoding import ImageError, decode, read_file

# A stroke on a page, 40 pixels high and 30 wide.
STROKE = np.full((40, 30), 230, np.uint8)
STROKE[8:32, 12:16] = 20


def saved(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **settings)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_the_pixels_of_lossless_files_are_given_as_they_are(kind: str) -> None:
    assert np.array_equal(decode(saved(Image.fromarray(STROKE), kind), "x"), STROKE)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_content_counts_and_not_the_name(kind: str) -> None:
    assert abs(decode(saved(Image.fromarray(STROKE), kind), "photo.png").astype(int) - STROKE).mean() < 5


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_shows_the_stroke(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(STROKE.astype(np.uint16) * 100)
    elif mode in ("I", "F"):
        image = Image.fromarray(STROKE.astype(np.int32 if mode == "I" else np.float32) * 3)
    else:
        image = Image.fromarray(STROKE).convert(mode)
    grey = decode(saved(image, "TIFF"), "x")
    assert grey.shape == STROKE.shape
    assert grey.dtype == np.uint8
    # Dithered, in mode 1.
    assert grey[:7].mean() - grey[8:32, 12:16].mean() > 100


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    # Orientation 6: the camera was turned, the right way up is a quarter turn clockwise.
    assert np.array_equal(decode(saved(Image.fromarray(STROKE), "PNG", exif=exif), "x"), np.rot90(STROKE, -1))


@pytest.mark.parametrize("shade", [0, 255])
def test_ink_on_a_transparent_page_is_told_from_it_whatever_its_shade(shade: int) -> None:
    pixels = np.full((40, 30, 4), shade, np.uint8)
    pixels[..., 3] = np.where(STROKE < 100, 255, 0)
    grey = decode(saved(Image.fromarray(pixels)), "x").astype(int)
    assert abs(grey[20, 14] - grey[3, 3]) == 255


@pytest.mark.parametrize("shade", [0, 255])
def test_a_rim_of_the_page_that_was_taken_away_does_not_make_ink_a_page(shade: int) -> None:
    ink = np.zeros((60, 60), bool)
    ink[10:50, 20:40] = True
    rim = np.zeros_like(ink)
    rim[9:51, 19:41] = True
    grey = np.where(ink, shade, abs(shade - 90)).astype(np.uint8)
    found = decode(saved(Image.fromarray(np.dstack([grey, np.where(rim, 255, 0).astype(np.uint8)]))), "x")
    assert (abs(found[~rim].astype(int) - shade) == 255).all()
    assert (found[ink] == shade).all()


def test_a_page_with_transparent_corners_keeps_its_shade_there() -> None:
    pixels = np.dstack([STROKE] * 3 + [np.full_like(STROKE, 255)])
    pixels[:6, :6, 3] = 0
    assert decode(saved(Image.fromarray(pixels)), "x")[2, 2] == 230


def test_ink_that_only_one_channel_shows_is_seen() -> None:
    pixels = np.full((40, 30, 3), 255, np.uint8)
    pixels[8:32, 12:16, 2] = 0
    grey = decode(saved(Image.fromarray(pixels)), "x").astype(int)
    assert grey[3, 3] - grey[20, 14] == 255


def damaged_png() -> bytes:
    content = bytearray(saved(Image.fromarray(STROKE)))
    content[60] ^= 0xFF
    return bytes(content)


def bomb() -> bytes:
    """A PNG of some hundred bytes that says it has 30,000 x 30,000 pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


ANIMATED = saved(
    Image.fromarray(STROKE), "GIF", save_all=True, append_images=[Image.fromarray(255 - STROKE)], duration=100
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"^photo\.png: is empty \(0 bytes\), expected an image$"),
        (b"%PDF-1.7 and so on", r"^photo\.png: is no image; expected PNG, JPEG, BMP, WebP, TIFF or GIF$"),
        (saved(Image.fromarray(STROKE), "JPEG")[:300], r"^photo\.png: is cut short or damaged: "),
        (saved(Image.fromarray(STROKE))[:-40], r"^photo\.png: is cut short or damaged: "),
        (damaged_png(), r"^photo\.png: is cut short or damaged: "),
        (bomb(), r"^photo\.png: has more than 25,000,000 pixels"),
        (saved(Image.new("L", (5001, 5000))), r"^photo\.png: has 5,001 x 5,000 pixels, expected at most 25,000,000"),
        (ANIMATED, r"^photo\.png: has 2 frames or pages, expected one"),
    ],
    ids=["empty", "no image", "cut JPEG", "cut PNG", "damaged", "bomb", "large", "animated"],
)
def test_what_cannot_be_taken_is_one_line_that_names_the_file(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        decode(content, "photo.png")
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_damage_gives_anything_but_an_image_or_its_error() -> None:
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF"):
        whole = np.frombuffer(saved(Image.fromarray(STROKE), kind), np.uint8)
        for _ in range(100):
            content = whole.copy()
            content[rng.integers(len(content), size=4)] = rng.integers(256, size=4)
            with contextlib.suppress(ImageError):
                assert decode(content.tobytes(), "x").ndim == 2


def test_files_that_cannot_be_read_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, expected an image file"):
        read_file(tmp_path)
    with pytest.raises(ImageError, match=r"none\.png: cannot be read: No such file"):
        read_file(tmp_path / "none.png")
    with pytest.raises(ImageError, match="has more than 300,000,000 bytes"):
        read_file(Path("/dev/zero"))
