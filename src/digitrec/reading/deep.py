"""Pixels of more than 8 bits a sample, where Pillow gives but the highest 8 of them or does not know the file."""

import io

import cv2
import numpy as np
import tifffile
from PIL import Image

from digitrec.reading.tiff import BLACK_IS_ZERO, RGB, WHITE_IS_ZERO, Page

PHOTOMETRICS = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
# What a compression is decoded by that tifffile does not know; what is damaged is told by an error of ours.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


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
        settings = image.tile[0].args if image.tile else ()
        return isinstance(settings, tuple) and isinstance(settings[-1], int) and settings[-1] > 255
    return image.format == "PNG" and content[24:25] == b"\x10"


def deep_values(image: Image.Image | None, content: bytes, page: Page | None) -> np.ndarray:
    """Decode all bits of a picture; arguments as of `is_deep`, `image` with its pixels decoded.

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
    if page:
        return _of_tiff(content, page)
    return np.asarray(image) if image and image.mode[0] in "IF" else _by_opencv(content)


def _of_tiff(content: bytes, page: Page) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        first = file.pages[0]
        try:
            values = first.asarray()
        except ValueError as error:
            # Its compression is for another package. OpenCV knows it perhaps, but mixes planes up.
            if "imagecodecs" not in str(error) or page.planes > 1:
                raise
            return _by_opencv(content)
    return np.moveaxis(values, 0, -1) if page.planes > 1 and values.ndim == 3 else values


def _by_opencv(content: bytes) -> np.ndarray:
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("its pixels cannot be decoded")
    # Blue comes first there.
    return values[..., [2, 1, 0, 3][: values.shape[2]]] if values.ndim == 3 else values
