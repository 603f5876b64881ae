"""Other people's pictures in the form that a network takes, as its images' specification says."""

from dataclasses import dataclass

import numpy as np

from digitrec.reading.decoding import decode, decode_picture
from digitrec.reading.digits import Digit, find_digit, find_line
from digitrec.reading.resizing import enough_pixels, fit_picture
from digitrec.spec import ImageSpec


@dataclass(frozen=True)
class Prepared:
    """What the network gets.

    Attributes
    ----------
    image : array
        uint8 of shape (height, width, channels).
    box : tuple of int or None
        Where it was found in the upright picture: left, top, right and bottom in pixels, right and bottom the first
        outside; None where the whole picture was taken.
    """

    image: np.ndarray
    box: tuple[int, int, int, int] | None


def prepare(content: bytes, name: str, image: ImageSpec) -> Prepared | None:
    """Prepare an image file.

    Parameters
    ----------
    content : bytes
        Of the file.
    name : str
        That an error gives.
    image : ImageSpec
        What the network takes, and how pictures are prepared for it.

    Returns
    -------
    Prepared or None
        None where ink is looked for and none is found.

    Raises
    ------
    ImageError
        When the file is no image, or not one that can be answered.
    """
    if image.preparation == "resize":
        return Prepared(fit_picture(decode_picture(content, name, enough_pixels(image)), image), None)
    digit = find_digit(decode(content, name), image)
    return _prepared(digit, image) if digit else None


def prepare_line(content: bytes, name: str, image: ImageSpec) -> list[Prepared]:
    """Prepare each of the digits side by side in an image file, from left to right.

    Arguments and errors are those of `prepare`; `image` has the preparation `mnist`.
    """
    return [_prepared(digit, image) for digit in find_line(decode(content, name), image)]


def _prepared(digit: Digit, image: ImageSpec) -> Prepared:
    return Prepared(np.repeat(digit.pixels[..., None], image.channels, 2), digit.box)
