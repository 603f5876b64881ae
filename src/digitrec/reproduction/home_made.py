"""Pictures of digits that are of no published set, for a network that was trained on one."""

from pathlib import Path

import numpy as np

from digitrec.errors import ArtifactError
from digitrec.reading.decoding import decode, read_file
from digitrec.reading.digits import find_digit
from digitrec.spec import ImageSpec


def read_home_made(folder: Path, image: ImageSpec) -> tuple[np.ndarray, np.ndarray]:
    """Read a folder of pictures, each of one digit, as `digitrec predict` reads a picture.

    Parameters
    ----------
    folder : Path
        With PNG files; the digit is the first character of a file's name.
    image : ImageSpec
        What the network takes.

    Returns
    -------
    images : array
        uint8 of shape (n, height, width, channels), in the order of the names.
    labels : array
        int64 of shape (n,), places in `image.classes`.

    Raises
    ------
    ArtifactError
        Naming each picture without a digit, or with a name that says none, and the folder if it has no pictures.
    """
    paths = sorted(folder.glob("*.png"))
    digits = {path: find_digit(decode(read_file(path), path.name), image) for path in paths}
    mistakes = [
        f"{path.name}: {'no ink was found' if digit is None else 'its first character is none of the classes'}"
        for path, digit in digits.items()
        if digit is None or path.name[0] not in image.classes
    ]
    if mistakes or not paths:
        raise ArtifactError(f"{folder}: {'; '.join(mistakes) or 'expected PNG files'}")
    pixels = np.stack([digit.pixels for digit in digits.values() if digit])
    return np.repeat(pixels[..., None], image.channels, 3), np.array(
        [image.classes.index(path.name[0]) for path in paths]
    )
