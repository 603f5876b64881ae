"""Whatever an image holds, looking at it takes no more work than its pixels call for: counted, not timed."""

import cProfile
import pstats
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from digitrec.reading.digits import find_digit
from digitrec.reading.ink import MOST_IMAGES, MOST_PIECES, pieces_of
from digitrec.reading.reader import count_digits
from digitrec.reading.ruled_lines import without_ruled_lines
from tests.tiny import IMAGE


def speckled(side: int, share: float) -> np.ndarray:
    return np.where(np.random.default_rng(0).random((side, side)) < share, 0, 255).astype(np.uint8)


def nested(side: int) -> np.ndarray:
    page = np.full((side, side), 255, np.uint8)
    for k in range(2, side // 2, 4):
        cv2.rectangle(page, (k, k), (side - 1 - k, side - 1 - k), 0, 1)
    return page


def diagonals(side: int) -> np.ndarray:
    page = np.full((side, side), 255, np.uint8)
    for k in range(-side, side, 4):
        cv2.line(page, (k, 0), (k + side, side), 0, 1)
    return page


def stripes(side: int) -> np.ndarray:
    page = np.full((side, side), 255, np.uint8)
    page[::4] = 0
    return page


def dashes(side: int) -> np.ndarray:
    page = np.full((side, side), 255, np.uint8)
    for y in range(4, side - 4, 6):
        page[y : y + 2, 4:-4] = 0
    page[:, ::9] = 255
    return page


PATTERNS = [lambda side, share=share: speckled(side, share) for share in (0.01, 0.08, 0.3, 0.5)]
PATTERNS += [nested, diagonals, stripes, dashes]


def n_calls(page: np.ndarray) -> int:
    profile = cProfile.Profile()
    profile.runcall(find_digit, page, IMAGE)
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pieces_and_the_pixels_of_their_boxes_are_bounded(pattern: Callable[[int], np.ndarray]) -> None:
    ink = (pattern(800) < 128).astype(np.float32)
    pieces = pieces_of(ink)
    assert 0 < len(pieces) <= MOST_PIECES
    assert sum(piece.mask.size for piece in pieces) <= max(MOST_IMAGES * ink.size, pieces[0].mask.size)
    assert without_ruled_lines(ink).shape == ink.shape


@pytest.mark.parametrize("pattern", PATTERNS)
def test_four_times_the_pixels_take_no_more_than_some_four_times_the_steps(
    pattern: Callable[[int], np.ndarray],
) -> None:
    # Every piece compared with every other would be sixteen times.
    small, large = n_calls(pattern(150)), n_calls(pattern(300))
    assert large < 6 * small
    assert large < 250_000


class Counting:
    """A network that is sure of nothing, and counts what it is asked."""

    image = IMAGE

    def __init__(self) -> None:
        self.asked = 0

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self.asked += len(images)
        return np.full((len(images), 10), 0.05, np.float32)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_looking_for_several_digits_is_bounded_work(
    pattern: Callable[[int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of questions to the network, and of pixels that pieces and their parts are looked for in or made of."""
    network, worked = Counting(), []

    def counted(work: Callable) -> Callable:
        return lambda image, *others, **named: worked.append(image.size) or work(image, *others, **named)

    for name in ("connectedComponentsWithStats", "distanceTransform", "dilate", "resize"):
        monkeypatch.setattr(cv2, name, counted(getattr(cv2, name)))
    for side in (600, 1000, 1600):
        count_digits(pattern(side), network)
        assert network.asked < 1000
        assert sum(worked) < 150e6
        worked.clear()
        network.asked = 0
