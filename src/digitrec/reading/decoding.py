"""Image files of other people: from bytes to pixels, or a clear error."""

import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from digitrec.errors import DigitrecError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF")
MAX_PIXELS = 25_000_000
# Of a file that is read: 25 million pixels of four 16-bit channels without compression, and more than enough beside.
MAX_BYTES = 300_000_000
# Grey levels out of 255 between the darkest and the brightest of what can be seen, from which on it is a page and not
# ink alone.
PAGE_CONTRAST = 60
# What can be seen of a picture with transparency is laid on white, or on black where it is lighter than this.
NEARLY_WHITE = 224
# Bits a pixel that cameras and scanners give in files of 16 or more.
DEPTHS = (8, 10, 12, 14, 16, 24, 32)
# By EXIF's tag 0x0112: what turns an image upright.
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow warns of large images, at a size above ours, and of damage that it can do without.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


class ImageError(DigitrecError):
    """A file that is no image, or not one that can be answered."""


def read_file(path: Path) -> bytes:
    """Read a file's content.

    Raises
    ------
    ImageError
        When there is no such file, it is a folder, cannot be read, or is larger than any image that is taken.
    """
    try:
        with open(path, "rb") as file:
            return read_stream(file, str(path))
    except IsADirectoryError as error:
        raise ImageError(f"{path}: is a folder, expected an image file (for all in it: '{path}/*')") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error


def read_stream(file: BinaryIO, name: str) -> bytes:
    """Read all that a file or a pipe gives.

    Raises
    ------
    ImageError
        When it is larger than any image that is taken.
    """
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ImageError(f"{name}: has more than {MAX_BYTES:,} bytes, which is too many for an image")
    return content


def decode(content: bytes, name: str) -> np.ndarray:
    """Decode an image of any mode to what shows ink best, upright and with transparency laid on a page.

    Parameters
    ----------
    content : bytes
        PNG, JPEG, BMP, WebP, TIFF or GIF, whatever its file is called.
    name : str
        That an error gives.

    Returns
    -------
    array
        uint8 of shape (height, width), at most 25 million pixels.

    Raises
    ------
    ImageError
        When it is empty, no image, larger (found before any pixel is decoded), animated, or damaged.
    """
    return _decoded(content, name, _grey)


def decode_picture(content: bytes, name: str, least: int | None = None) -> np.ndarray:
    """Decode an image of any mode as it looks, upright and with transparency laid on white.

    Parameters
    ----------
    content : bytes
        PNG, JPEG, BMP, WebP, TIFF or GIF, whatever its file is called.
    name : str
        That an error gives.
    least : int, optional
        Pixels of the shorter side that are enough: a large JPEG is then decoded at a half, a quarter or an eighth of
        its size, which is faster and may have more pixels than are else taken.

    Returns
    -------
    array
        uint8 of shape (height, width, 3), red, green and blue, or of shape (height, width, 1) where the file is grey.
        What is nearly white on a transparent page is laid on black.

    Raises
    ------
    ImageError
        As for `decode`.
    """
    return _decoded(content, name, _picture, least)


def _decoded(
    content: bytes, name: str, pixels_of: Callable[[Image.Image], np.ndarray], least: int | None = None
) -> np.ndarray:
    if not content:
        raise ImageError(f"{name}: is empty (0 bytes), expected an image")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: has more than {MAX_PIXELS:,} pixels, which is too many: make it smaller") from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name}: is no image; expected PNG, JPEG, BMP, WebP, TIFF or GIF") from error
    # Decoders raise errors of many kinds on damaged files; whichever it is, the file is at fault.
    except Exception as error:
        raise ImageError(f"{name}: is cut short or damaged: {_line(error)}") from error
    if least:
        # Does nothing to other formats than JPEG.
        image.draft(None, (least, least))
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: has {width:,} x {height:,} pixels, expected at most {MAX_PIXELS:,}: make it smaller")
    try:
        frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
        if frames > 1:
            raise ImageError(f"{name}: has {frames} frames or pages, expected one: save the one that is meant alone")
        image.load()
        turn = UPRIGHT.get(_orientation(image))
        return pixels_of(image if turn is None else image.transpose(turn))
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: takes more memory than there is: make it smaller") from error
    except Exception as error:
        raise ImageError(f"{name}: is cut short or damaged: {_line(error)}") from error


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    # Of many kinds, as above; but what stands beside the pixels must not cost the pixels.
    except Exception:
        return 1


def _has_transparency(image: Image.Image) -> bool:
    return "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode == "L":
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode[0] in "IF":
        return _eight_bits(np.asarray(image))
    if _has_transparency(image):
        pixels = np.asarray(image.convert("RGBA"))
        return _on_a_page(_strongest_channel(pixels[..., :3], pixels[..., 3] > 0), pixels[..., 3])
    return _strongest_channel(np.asarray(image.convert("RGB")))


def _picture(image: Image.Image) -> np.ndarray:
    if image.mode[0] in "IF":
        return _eight_bits(np.asarray(image))[..., None]
    is_grey = image.mode in ("1", "L", "LA", "La")
    if not _has_transparency(image):
        pixels = np.asarray(image.convert("L" if is_grey else "RGB"))
        return pixels[..., None] if is_grey else pixels
    pixels = np.asarray(image.convert("LA" if is_grey else "RGBA"))
    colours, alpha = pixels[..., :-1], pixels[..., -1:]
    visible = colours[alpha[..., 0] > 127]
    page = 0 if visible.size and np.percentile(visible, 5) > NEARLY_WHITE else 255
    # Halves are rounded up.
    return ((colours * alpha.astype(np.uint16) + page * (255 - alpha.astype(np.uint16)) + 127) // 255).astype(np.uint8)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Bring 16 or 32 bits a pixel, whole numbers or not, to uint8: black is 0, white what so many bits can hold.

    White is told by all pixels but one in a thousand, for one that is off is no reason to make all others dark; nor is
    noise on a blank page, which stretching from the least value to the greatest would make a pattern.
    """
    values = np.nan_to_num(values.astype(np.float32), nan=0, posinf=0, neginf=0)
    # What programs write for "no value".
    values[abs(values) > 1e30] = 0
    low, high = np.percentile(values.ravel()[:: max(1, values.size // 100_000)], [0.1, 99.9])
    if low >= 0:
        low = 0.0
        # Two levels, or numbers from 0 to 1 that were sharpened a little.
        high = 1.0 if high <= 2 else next((2.0**bits - 1 for bits in DEPTHS if high < 2.0**bits), high)
    return np.rint(np.clip((values - low) * (255 / max(high - low, 1e-12)), 0, 255)).astype(np.uint8)


def _strongest_channel(pixels: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Give luminance, or red, green or blue where it shows far more: yellow on white has next to no luminance."""
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / 40_000) ** 0.5))
    luminance = np.asarray(Image.fromarray(pixels).convert("L"))
    sample = np.dstack([luminance, pixels])[::step, ::step].reshape(-1, 4)
    if visible is not None and visible[::step, ::step].any():
        sample = sample[visible[::step, ::step].ravel()]
    # What differs most from the rest may be one pixel in two hundred.
    spread = np.ptp(np.percentile(sample, [0.5, 50, 99.5], axis=0), axis=0)
    best = int(spread.argmax())
    return luminance if best == 0 or spread[best] < 1.5 * spread[0] + 8 else pixels[..., best - 1]


def _on_a_page(grey: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay what can be seen on a page of the other shade, if it is ink alone; on more of its own page, if it has one."""
    visible = grey[alpha > 127]
    if not visible.size:
        visible = grey[alpha > 0]
    if not visible.size:
        return np.zeros_like(grey)
    low, middle, high = np.percentile(visible, [1, 50, 99])
    # A page goes on where it becomes transparent; ink may have a rim there, mixed with a page that was taken away.
    clear = cv2.dilate((alpha <= 127).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rim = grey[clear & (alpha > 127)]
    has_page = high - low > PAGE_CONTRAST and not (rim.size and abs(np.median(rim) - middle) > (high - low) / 3)
    page = middle if has_page else 255.0 * (middle < 128)
    share = alpha / 255
    return np.rint(grey * share + page * (1 - share)).astype(np.uint8)
