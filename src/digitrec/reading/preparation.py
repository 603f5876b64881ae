"""Other people's pictures in the form that a network takes, as its images' specification says."""

from dataclasses import dataclass

import numpy as np

from digitrec.reading.decoding import decode, decode_picture
from digitrec.reading.digits import find_digit
from digitrec.reading.form import has_form
from digitrec.reading.marks import Network
from digitrec.reading.reader import count_digits
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
    several : int
        Digits that the picture shows, where these are several; otherwise 0.
    """

    image: np.ndarray
    box: tuple[int, int, int, int] | None
    several: int = 0


def prepare(content: bytes, name: str, image: ImageSpec, network: Network | None = None) -> Prepared | None:
    """Prepare an image file.

    Parameters
    ----------
    content : bytes
        Of the file.
    name : str
        That an error gives.
    image : ImageSpec
        What the network takes, and how pictures are prepared for it.
    network : Network, optional
        That is asked whether a picture shows several digits, if it can tell them from what is none.

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
    grey = decode(content, name)
    digit = find_digit(grey, image)
    if digit is None:
        return None
    several = count_digits(grey, network) if network and network.refuses and not has_form(grey, image) else 1
    return Prepared(np.repeat(digit.pixels[..., None], image.channels, 2), digit.box, several if several > 1 else 0)
