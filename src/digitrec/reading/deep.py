"""Pixels of more than 8 bits a sample, where Pillow gives but the highest 8 of them or does not know the file."""

import io
import lzma
import zlib

import cv2
import numpy as np
import tifffile
from PIL import Image

from digitrec.reading.tiff import BLACK_IS_ZERO, RGB, WHITE_IS_ZERO, Page

PHOTOMETRICS = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
# What a compression is decoded by that tifffile does not know; what is damaged is told by an error of ours.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _inflated(data: bytes, /, *, out: int) -> bytes:
    return zlib.decompressobj().decompress(data, out + 1)


def _unxz(data: bytes, /, *, out: int) -> bytes:
    return lzma.LZMADecompressor().decompress(data, out + 1)


def _unpacked(data: bytes, /, *, out: int) -> bytes:
    """Decode PackBits: each byte says how many follow as they are, or how often the next is repeated."""
    found, at = bytearray(), 0
    while at < len(data) and len(found) < out:
        head, at = data[at], at + 1
        if head < 128:
            found += data[at : at + head + 1]
            at += head + 1
        elif head > 128:
            found += data[at : at + 1] * (257 - head)
            at += 1
    return bytes(found)


# Its own give all that a few bytes may unpack to, whatever the size of the picture; there is no other way to say so.
tifffile.TIFF.DECOMPRESSORS._codecs.update(  # type: ignore[attr-defined]
    dict.fromkeys((8, 32946, 50013), _inflated) | {32773: _unpacked, 34925: _unxz}
)


def is_deep(image: Image.Image | None, content: bytes, page: Page | None) -> bool:
    """Tell whether `deep_values` has more to tell of a picture than Pillow.

    Parameters
    ----------
    image : Image, optional
        As Pillow has opened it, where it has.
    content : bytes
        Of its file.
    page : Page, optional
        Of a TIFF.
    """
    if page:
        # Pillow mixes up some numbers of 32 bits.
        return image is None or (page.bits > 8 and page.photometric in PHOTOMETRICS)
    if image is None or image.mode[0] in "IF":
        return True
    if image.format == "PPM" and content.startswith(b"P6"):
        # The decoder's settings: the number that white has stands last.
        settings = [tile.args for tile in getattr(image, "tile", [])]
        return bool(settings) and isinstance(settings[0], tuple) and settings[0][-1] > 255
    return image.format == "PNG" and content[24:25] == b"\x10"


def deep_values(image: Image.Image | None, content: bytes, page: Page | None, step: int) -> np.ndarray:
    """Decode all bits of a picture.

    Parameters
    ----------
    image, content, page
        As of `is_deep`; the image has its pixels decoded where Pillow gives all their bits.
    step : int
        1, or 2 for every second pixel of every second row.

    Returns
    -------
    array
        Of the file's own numbers, of shape (height, width), or (height, width, channels): grey or red, green and blue,
        transparency last.

    Raises
    ------
    Exception
        Of many kinds, when the file is damaged or its compression is not known.
    """
    if image and not page and image.mode[0] in "IF":
        return np.asarray(image)[::step, ::step]
    if image:
        # It was decoded to find damage, and takes memory.
        image.close()
    return _of_tiff(content, page, step) if page else _by_opencv(content, step)


def _of_tiff(content: bytes, page: Page, step: int) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        first = file.pages[0]
        try:
            values = first.asarray()
        except ValueError as error:
            # Its compression is for another package. OpenCV knows it perhaps, but mixes planes up.
            if "imagecodecs" not in str(error) or page.planes > 1:
                raise
            return _by_opencv(content, step)
    return (np.moveaxis(values, 0, -1) if page.planes > 1 and values.ndim == 3 else values)[::step, ::step]


def _by_opencv(content: bytes, step: int) -> np.ndarray:
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("its pixels cannot be decoded")
    values = values[::step, ::step]
    # Blue comes first there.
    return values[..., [2, 1, 0, 3][: values.shape[2]]] if values.ndim == 3 else values
