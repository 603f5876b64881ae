import contextlib
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from digitrec.reading.decoding import ImageError, decode, decode_picture, read_file
from digitrec.reading.opening import Opened
from digitrec.reading.preparation import prepare
from digitrec.spec import ImageSpec

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
        image = Image.fromarray(STROKE.astype(np.uint16) * 250)
    elif mode in ("I", "F"):
        image = Image.fromarray(STROKE.astype(np.int32 if mode == "I" else np.float32) * 3)
    else:
        image = Image.fromarray(STROKE).convert(mode)
    grey = decode(saved(image, "TIFF"), "x")
    assert grey.shape == STROKE.shape
    assert grey.dtype == np.uint8
    # Dithered, in mode 1.
    assert grey[:7].mean() - grey[8:32, 12:16].mean() > 100


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_rotation_is_applied(kind: str) -> None:
    # Orientation 6: the camera was turned, the right way up is a quarter turn clockwise.
    content = saved(Image.fromarray(STROKE), kind, exif=exif(6))
    assert abs(decode(content, "x").astype(int) - np.rot90(STROKE, -1)).mean() < 5
    assert abs(decode_picture(content, "x")[..., 0].astype(int) - np.rot90(STROKE, -1)).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_end_upright(orientation: int) -> None:
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3)
    seen = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    content = saved(Image.fromarray(np.ascontiguousarray(seen)), "PNG", exif=exif(orientation))
    assert np.array_equal(decode(content, "x"), upright)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_metadata_does_not_cost_the_picture() -> None:
    broken = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x01\x12\xff\x03" * 3
    content = saved(Image.fromarray(STROKE), "PNG", exif=broken)
    assert np.array_equal(decode(content, "x"), STROKE)
    # A resolution of -1/0, as some telephones write it, beside a good orientation.
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    resolution = struct.pack(">HHII", 0x011A, 10, 1, 38)
    telephone = struct.pack(">2sHIH", b"MM", 42, 8, 2) + orientation + resolution + struct.pack(">Iii", 0, -1, 0)
    content = saved(Image.fromarray(STROKE), "JPEG", exif=b"Exif\0\0" + telephone)
    assert decode(content, "x").shape == STROKE.T.shape


def test_noise_of_sixteen_bits_is_not_stretched_to_a_pattern() -> None:
    noise = np.random.default_rng(0).normal(60_000, 64, (80, 80)).astype(np.uint16)
    grey = decode(saved(Image.fromarray(noise), "PNG"), "x")
    assert np.ptp(grey) <= 3
    assert grey.mean() == pytest.approx(60_000 / 65_535 * 255, abs=1)


DIGITS = ImageSpec(height=28, width=28, channels=1, classes=tuple("0123456789"), preparation="mnist")


@pytest.mark.parametrize("level", [60_000, 30_000, 1000, 200, 0])
def test_blank_pages_of_any_kind_have_no_digit_and_one_with_ink_has(level: int) -> None:
    noise = np.random.default_rng(level).normal(level, max(level / 100, 4), (80, 80, 3)).clip(0, 65_535)
    inked = noise.copy()
    # Ink that differs from the page by 30 times its noise.
    inked[20:60, 36:44] = abs(inked[20:60, 36:44] - max(0.3 * level, 120))
    for page, has_ink in ((noise, False), (inked, True)):
        grey, colours = page[..., 0].astype(np.uint16), page.astype(np.uint16)
        off = grey.astype(np.float32)
        off[3, 3], off[9, 70], off[70, 9] = -3.4e38, np.nan, np.inf
        files = [
            saved(Image.fromarray(grey)),
            saved(Image.fromarray(grey), "TIFF", tiffinfo={262: 0}),
            saved(Image.fromarray(off), "TIFF"),
            cv2.imencode(".png", colours)[1].tobytes(),
            cv2.imencode(".tiff", page.astype(np.float32))[1].tobytes(),
            b"P5 80 80 65535\n" + grey.astype(">u2").tobytes(),
        ]
        for content in files:
            assert (prepare(content, "x", DIGITS) is not None) == has_ink


@pytest.mark.parametrize(("depth", "value"), [(np.uint16, 65_535), (np.float32, -3.4e38), (np.float32, np.nan)])
def test_one_pixel_that_is_off_does_not_hide_the_others(depth: type, value: float) -> None:
    # A scan of 10 bits.
    scan = STROKE.astype(depth) * 4
    scan[0, 0] = value
    grey = decode(saved(Image.fromarray(scan), "TIFF"), "x").astype(int)
    assert abs(grey - STROKE)[1:].max() <= 1


def test_numbers_from_0_to_1_are_all_shades() -> None:
    grey = decode(saved(Image.fromarray(STROKE.astype(np.float32) / 255), "TIFF"), "x").astype(int)
    assert abs(grey - STROKE).max() <= 1


COLOURS = np.zeros((12, 20, 3), np.uint8)
COLOURS[:, :10] = (200, 40, 10)
COLOURS[:, 10:] = (20, 90, 220)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr", "LAB"])
def test_colours_are_kept_in_every_mode_that_has_them(mode: str) -> None:
    image = Image.fromarray(COLOURS)
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    else:
        image = image.convert(mode, palette=Image.Palette.ADAPTIVE)
    kind = "PNG" if mode in ("RGB", "RGBA", "P") else "TIFF"
    picture = decode_picture(saved(image, kind), "x")
    assert (picture.shape, picture.dtype) == (COLOURS.shape, np.uint8)
    assert abs(picture.astype(int) - COLOURS).max() < 12


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "I", "F"])
def test_files_without_colours_give_one_channel(mode: str) -> None:
    values = STROKE.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}.get(mode, np.uint8))
    image = Image.fromarray(values)
    picture = decode_picture(saved(image if values.dtype != np.uint8 else image.convert(mode), "TIFF"), "x")
    assert picture.shape == (*STROKE.shape, 1)
    assert picture[:7].mean() - picture[8:32, 12:16].mean() > 100


@pytest.mark.parametrize(("ink", "page"), [(0, 255), (180, 255), (255, 0)])
def test_a_picture_without_a_background_is_laid_on_white_or_what_is_white_on_black(ink: int, page: int) -> None:
    pixels = np.full((20, 20, 4), ink, np.uint8)
    pixels[..., 3] = 0
    pixels[5:15, 5:15, 3] = 255
    pixels[5:15, 4, 3] = 128
    picture = decode_picture(saved(Image.fromarray(pixels)), "x")
    assert (picture[0, 0] == page).all()
    assert (picture[10, 10] == ink).all()
    assert abs(picture[10, 4].astype(int) - (ink + page) / 2).max() <= 1


def test_a_large_jpeg_is_decoded_as_large_as_is_needed() -> None:
    content = saved(Image.fromarray(COLOURS).resize((1600, 960)), "JPEG")
    assert decode_picture(content, "x").shape == (960, 1600, 3)
    assert decode_picture(content, "x", 130).shape == (240, 400, 3)
    assert decode_picture(content, "x", 120).shape == (120, 200, 3)
    assert decode_picture(content, "x", 5000).shape == (960, 1600, 3)


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("PNG", "1"), ("PNG", "P"), ("JPEG2000", "L")])
def test_a_scan_of_35_megapixels_is_halved_and_boxes_stay_in_its_own_pixels(kind: str, mode: str) -> None:
    # A4 at 600 dpi, upside down, with ink in its lower left quarter.
    page = np.full((5000, 7000), 255, np.uint8)
    page[3000:4000, 500:600] = 0
    content = saved(
        Image.fromarray(page[::-1, ::-1]).convert(mode), kind, **({"exif": exif(3)} if kind == "JPEG" else {})
    )
    grey = decode(content, "x")
    assert grey.shape == page.shape
    ink = np.argwhere(grey < 128)
    upside_down = kind != "JPEG"
    corners = ([1000, 6400], [2000, 6500]) if upside_down else ([3000, 500], [4000, 600])
    assert abs(np.array([ink.min(0), ink.max(0) + 1]) - corners).max() <= 4
    assert decode_picture(content, "x").shape[:2] == (2500, 3500)


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
        (
            b"%PDF-1.7 and so on",
            r"^photo\.png: is no image; expected PNG, JPEG, BMP, WebP, TIFF, GIF, HEIC, AVIF, JPEG 2000 or PNM$",
        ),
        (saved(Image.fromarray(STROKE), "JPEG")[:300], r"^photo\.png: is cut short or damaged: "),
        (saved(Image.fromarray(STROKE))[:-40], r"^photo\.png: is cut short or damaged: "),
        (damaged_png(), r"^photo\.png: is cut short or damaged: "),
        (bomb(), r"^photo\.png: has more than 70,000,000 pixels"),
        (saved(Image.new("1", (7001, 10_000))), r"^photo\.png: has 7,001 x 10,000 pixels, expected at most 70,000,000"),
        (ANIMATED, r"^photo\.png: has 2 frames or pages, expected one"),
    ],
    ids=["empty", "no image", "cut JPEG", "cut PNG", "damaged", "bomb", "large", "animated"],
)
def test_what_cannot_be_taken_is_one_line_that_names_the_file(content: bytes, message: str) -> None:
    for way in (decode, decode_picture):
        with pytest.raises(ImageError, match=message) as caught:
            way(content, "photo.png")
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_no_damage_gives_anything_but_an_image_or_its_error() -> None:
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM"):
        whole = np.frombuffer(saved(Image.fromarray(STROKE), kind), np.uint8)
        for _ in range(100):
            content = whole.copy()
            content[rng.integers(len(content), size=4)] = rng.integers(256, size=4)
            with contextlib.suppress(ImageError):
                assert decode(content.tobytes(), "x").ndim == 2
            with contextlib.suppress(ImageError):
                assert decode_picture(content.tobytes(), "x", 8).ndim == 3


def test_files_that_cannot_be_read_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, expected an image file"):
        read_file(tmp_path)
    with pytest.raises(ImageError, match=r"none\.png: cannot be read: No such file"):
        read_file(tmp_path / "none.png")
    with pytest.raises(ImageError, match="cannot be read: embedded null byte"):
        read_file(tmp_path / "a\0b.png")
    with pytest.raises(ImageError, match="has more than 300,000,000 bytes"):
        read_file(Path("/dev/zero"))


def test_pixels_are_not_searched_for_colours_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Opened, "_has_colour")
    assert decode(saved(Image.fromarray(STROKE).convert("P")), "x").shape == STROKE.shape
