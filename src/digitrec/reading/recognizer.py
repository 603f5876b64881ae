"""Digits and pictures read from a person's own script."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from digitrec.reading.answers import answer_images
from digitrec.reading.decoding import ImageError, read_file
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.exports import model_folder
from digitrec.reading.page_answers import read_pages

# What names an image that is not a file in an error.
NAMELESS = "image"


class Recognizer(ExportedNetwork):
    """Says what pictures show, and reads the digits on pages, as `digitrec predict` and `digitrec read` do.

    Parameters
    ----------
    folder : path, optional
        That stage `export` wrote; by default the project's `data/export`, and where there is none the model that comes
        with the package.
    threads : int
        That one call may use.

    Raises
    ------
    ModelError
        When a file is missing, damaged, or not one that stage `export` wrote.

    Examples
    --------
    >>> from digitrec import Recognizer
    >>> recognizer = Recognizer()
    >>> recognizer.classes
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    >>> recognizer.predict("tests/drawn/3_plain_003.png")["label"]
    '3'
    >>> recognizer.read("tests/drawn/3_plain_003.png")["text"]
    ['3']
    """

    def __init__(self, folder: str | Path | None = None, threads: int = 1):
        super().__init__(model_folder() if folder is None else Path(folder), threads)

    def predict(self, image: str | Path | bytes | np.ndarray) -> dict[str, Any]:
        """Say what a picture shows.

        Parameters
        ----------
        image : path, bytes or array
            A file, its content, or uint8 pixels of shape (height, width) or (height, width, 3), red, green, blue.

        Returns
        -------
        dict
            label (None when unsure), probability (of the most probable class, from 0 to 1), second and
            second_probability, best (the most probable class, also when unsure), reason (None, or why there is no
            label) and box (left, top, right, bottom in pixels of what was found; None where nothing was looked for).

        Raises
        ------
        ImageError
            When it is no image, or not one that can be answered.
        """
        ((row, _),) = answer_images(self, [_named(image)])
        return _without_error(row)

    def read(self, image: str | Path | bytes | np.ndarray) -> dict[str, Any]:
        """Read all digits on a page.

        Parameters
        ----------
        image : path, bytes or array
            As `predict` takes it.

        Returns
        -------
        dict
            text (a line for each row, unsure digits as ?), rows (of digits, each with box, best, probability, second,
            second_probability and, where it is so, unsure), others (boxes of what is no digit), turned (degrees by
            which the page was turned against the clock to be read) and reason (None, or why there are no rows).

        Raises
        ------
        ImageError
            When it is no image, or not one that can be read.
        DigitrecError
            When the model takes pictures whole: it looks for no signs on paper.
        """
        self.check_reads("read")
        ((page, _),) = read_pages(self, [_named(image)])
        return _without_error(page)


def _named(image: str | Path | bytes | np.ndarray) -> tuple[str, bytes]:
    """Give an image's name and its content as a file."""
    if isinstance(image, bytes):
        return NAMELESS, image
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise ImageError(
                f"{NAMELESS}: got {image.dtype} of shape {image.shape}, expected uint8 of shape (height, width) or "
                "(height, width, 3)"
            )
        if not image.size:
            raise ImageError(f"{NAMELESS}: got no pixels, shape {image.shape}")
        _, content = cv2.imencode(".png", image if image.ndim == 2 else image[..., ::-1])
        return NAMELESS, content.tobytes()
    return str(image), read_file(Path(image))


def _without_error(row: dict[str, Any]) -> dict[str, Any]:
    if row["error"]:
        raise ImageError(row["reason"])
    return {key: value for key, value in row.items() if key not in ("file", "error")}
