"""Pictures of any size brought to the size and colours that a network takes, the same way in training and after."""

import cv2
import numpy as np

from digitrec.spec import ImageSpec

# A JPEG is decoded at no less than this many times the size that it is reduced to.
MARGIN = 2


def enough_pixels(image: ImageSpec) -> int:
    """Give the shorter side, in pixels, from which on a picture has no more to show at this size."""
    return MARGIN * max(image.height, image.width)


def fit_picture(picture: np.ndarray, image: ImageSpec) -> np.ndarray:
    """Bring a picture to size with its shape kept, in the middle; what is free is the border's median colour.

    Parameters
    ----------
    picture : array
        uint8 of shape (height, width, 1 or 3), as `digitrec.reading.decoding.decode_picture` gives it.
    image : ImageSpec
        Size and colours to bring it to.

    Returns
    -------
    array
        uint8 of shape (image.height, image.width, image.channels); colours become luminance (ITU-R BT.601) where that
        has one channel.
    """
    if picture.shape[2] == 3 and image.channels == 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = picture.shape[:2]
    scale = min(image.height / height, image.width / width)
    size = min(image.width, max(1, round(width * scale))), min(image.height, max(1, round(height * scale)))
    if size != (width, height):
        # Each pixel the mean of those that it stands for; in between them, where there are fewer, a smooth curve.
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    # OpenCV drops an axis of one channel.
    picture = picture.reshape(size[1], size[0], -1)
    if picture.shape[:2] != (image.height, image.width):
        picture = _padded(picture, image)
    return np.repeat(picture, image.channels, 2) if picture.shape[2] < image.channels else picture


def _padded(picture: np.ndarray, image: ImageSpec) -> np.ndarray:
    height, width, channels = picture.shape
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    padded = np.empty((image.height, image.width, channels), np.uint8)
    padded[:] = np.rint(np.median(border, 0)).astype(np.uint8)
    top, left = (image.height - height) // 2, (image.width - width) // 2
    padded[top : top + height, left : left + width] = picture
    return padded
