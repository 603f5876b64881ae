"""What is found on a page, and the network that is asked about it."""

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from digitrec.reading.form import form_of, union_of
from digitrec.reading.ink import Piece
from digitrec.spec import ImageSpec

Box = tuple[int, int, int, int]
# What is as probable as this is certain.
CERTAIN = 0.93


class Network(Protocol):
    """What answers: `digitrec.reading.exported.ExportedNetwork`."""

    image: ImageSpec
    refuses: bool

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Give probabilities, float32 of shape (n, classes); what is no digit leaves little for all of them."""


@dataclass(frozen=True)
class Mark:
    """Something written that was looked at.

    Attributes
    ----------
    pixels : array
        uint8 of shape (height, width), what the network got.
    box : tuple of int
        Left, top, right and bottom; right and bottom are the first outside.
    probabilities : array
        Floats of shape (classes,).
    """

    pixels: np.ndarray
    box: Box
    probabilities: np.ndarray

    @property
    def sure(self) -> float:
        """Probability of the most probable class."""
        return float(self.probabilities.max())


@dataclass(frozen=True)
class Reading:
    """What stands on a page.

    Attributes
    ----------
    rows : list of list of Mark
        Digits: rows from top to bottom, digits from left to right.
    others : list of Mark
        What is no digit and stands in a row of digits.
    apart : list of Mark
        What is no digit and stands in none.
    turned : float
        Degrees by which the page was turned against the clock to be read.
    """

    rows: list[list[Mark]] = field(default_factory=list)
    others: list[Mark] = field(default_factory=list)
    apart: list[Mark] = field(default_factory=list)
    turned: float = 0.0

    @property
    def digits(self) -> list[Mark]:
        return [mark for row in self.rows for mark in row]


class Asking:
    """Prepares pieces of one page's ink and asks a network about them.

    Parameters
    ----------
    ink : array
        float32 of shape (height, width), from 0 to 1.
    network : Network
    most : int
        Of no more pieces, and no more ways to join and cut them, it is asked.
    """

    def __init__(self, ink: np.ndarray, network: Network, most: int):
        self.most = most
        self.ink, self._network = ink, network
        # Which classes a zero is, the one digit that people write small, and a one, which every upright stroke looks
        # like; -1 where none is.
        classes = network.image.classes
        self.zero, self.one = (classes.index(name) if name in classes else -1 for name in "01")

    def answers(self, forms: np.ndarray) -> np.ndarray:
        """Ask about prepared pieces: floats of shape (n, classes)."""
        return self._network.probabilities(np.repeat(forms[..., None], self._network.image.channels, 3))

    def marks(self, groups: list[list[Piece]]) -> list[Mark]:
        """Prepare groups of pieces and ask about them."""
        if not groups:
            return []
        forms = np.stack([form_of(self.ink, group, self._network.image) for group in groups])
        boxes = [union_of([piece.box for piece in group]) for group in groups]
        return [Mark(*parts) for parts in zip(forms, boxes, self.answers(forms), strict=True)]


def moved(reading: Reading, matrix: np.ndarray, shape: tuple[int, ...]) -> Reading:
    """Bring a reading's boxes to another picture.

    Parameters
    ----------
    reading : Reading
    matrix : array
        Floats of shape (2, 3): from the reading's pixels to the picture's.
    shape : tuple of int
        Height and width of the picture.
    """

    def place(mark: Mark) -> Mark:
        left, top, right, bottom = mark.box
        corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float64)
        x, y = cv2.transform(corners, matrix)[0].T
        low = max(0, int(x.min() + 1e-6)), max(0, int(y.min() + 1e-6))
        high = min(shape[1], int(np.ceil(x.max() - 1e-6))), min(shape[0], int(np.ceil(y.max() - 1e-6)))
        return Mark(mark.pixels, (*low, *high), mark.probabilities)

    rows = [[place(mark) for mark in row] for row in reading.rows]
    others, apart = ([place(mark) for mark in marks] for marks in (reading.others, reading.apart))
    return Reading(rows, others, apart, reading.turned)
