"""Image files of other people: from bytes to pixels, or a clear error."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from digitrec.reading.metadata import pixels_alone
from digitrec.reading.opening import GREY_MODES, MAX_BYTES, ImageError, Opened, has_transparency, open_picture

# Grey levels out of 255 between the darkest and the brightest of what can be seen, from which on it is a page and not
# ink alone.
PAGE_CONTRAST = 60
# What can be seen of a picture with transparency is laid on white, or on black where it is lighter than this.
NEARLY_WHITE = 224


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
    # A name with a NUL byte is a ValueError.
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


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
        Of a file in any of the formats that are read, whatever it is called.
    name : str
        That an error gives.

    Returns
    -------
    array
        uint8 of shape (height, width), at most 70 million pixels; more than 25 million are worked out from half as many
        along each side.

    Raises
    ------
    ImageError
        When it is empty, no image, larger (found before any pixel is decoded), animated, or damaged.
    """

    def grey(opened: Opened) -> np.ndarray:
        found = _grey(opened.pixels(None, True))
        size = opened.size()
        # Boxes of digits are told in the picture's own pixels.
        return found if found.shape == size else cv2.resize(found, size[::-1], interpolation=cv2.INTER_LINEAR)

    return _decoded(content, name, grey)


def decode_picture(content: bytes, name: str, least: int | None = None) -> np.ndarray:
    """Decode an image of any mode as it looks, upright and with transparency laid on white.

    Parameters
    ----------
    content : bytes
        Of a file in any of the formats that are read, whatever it is called.
    name : str
        That an error gives.
    least : int, optional
        Pixels of the shorter side that are enough: a large JPEG is then decoded at a half, a quarter or an eighth of
        its size, which is faster.

    Returns
    -------
    array
        uint8 of shape (height, width, 3), red, green and blue, or of shape (height, width, 1) where the file is grey.
        What is nearly white on a transparent page is laid on black. More than 25 million pixels are halved along each
        side.

    Raises
    ------
    ImageError
        As for `decode`.
    """
    return _decoded(content, name, lambda opened: _picture(opened.pixels(least, False)))


def _decoded(content: bytes, name: str, pixels_of: Callable[[Opened], np.ndarray]) -> np.ndarray:
    """Decode a file, and once more without what stands beside the pixels, if that may be what is broken."""
    try:
        return _attempt(content, name, pixels_of)
    except ImageError as error:
        bare = pixels_alone(content) if error.__cause__ else content
        if bare == content:
            raise
    return _attempt(bare, name, pixels_of)


def _attempt(content: bytes, name: str, pixels_of: Callable[[Opened], np.ndarray]) -> np.ndarray:
    try:
        return pixels_of(open_picture(content, name))
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: takes more memory than there is: make it smaller") from error
    # Decoders raise errors of many kinds on damaged files; whichever it is, the file is at fault.
    except Exception as error:
        line = str(error).partition("\n")[0] or type(error).__name__
        raise ImageError(f"{name}: is cut short or damaged: {line}") from error


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode == "L":
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if has_transparency(image):
        pixels = np.asarray(image.convert("RGBA"))
        return _on_a_page(_strongest_channel(pixels[..., :3], pixels[..., 3] > 0), pixels[..., 3])
    return _strongest_channel(np.asarray(image.convert("RGB")))


def _picture(image: Image.Image) -> np.ndarray:
    is_grey = image.mode in GREY_MODES
    if not has_transparency(image):
        pixels = np.asarray(image.convert("L" if is_grey else "RGB"))
        return pixels[..., None] if is_grey else pixels
    pixels = np.asarray(image.convert("LA" if is_grey else "RGBA"))
    colours, alpha = pixels[..., :-1], pixels[..., -1:]
    visible = colours[alpha[..., 0] > 127]
    page = 0 if visible.size and np.percentile(visible, 5) > NEARLY_WHITE else 255
    # Halves are rounded up.
    return ((colours * alpha.astype(np.uint16) + page * (255 - alpha.astype(np.uint16)) + 127) // 255).astype(np.uint8)


def _strongest_channel(pixels: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Give luminance, or red, green or blue where it shows far more: yellow on white has next to no luminance."""
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / 40_000) ** 0.5))
    luminance = np.asarray(Image.fromarray(pixels).convert("L"))
    sample = np.dstack([luminance[::step, ::step], pixels[::step, ::step]]).reshape(-1, 4)
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
    share = alpha / np.float32(255)
    return np.rint(grey * share + page * (1 - share)).astype(np.uint8)
