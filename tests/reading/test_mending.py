"""Pieces of drawn digits, with the committed network."""

import numpy as np

from digitrec.reading.ink import Piece, pieces_of
from digitrec.reading.marks import Asking
from digitrec.reading.mending import mended
from tests.reading.test_reader import HEIGHT, cover_of, digit, network

MOST = 500


def _mended(ink: np.ndarray) -> tuple[list[Piece], list[Piece], str]:
    """The pieces before and after, and what the latter are, from left to right."""
    asking = Asking(ink, network(), MOST)
    before = pieces_of(ink)
    after, marks = mended(asking, before, asking.marks([[piece] for piece in before]), HEIGHT)
    order = sorted(marks, key=lambda mark: mark.box[0])
    return before, after, "".join(network().classes[int(mark.probabilities.argmax())] for mark in order)


def test_two_parts_of_a_digit_become_one_piece_with_all_of_their_ink() -> None:
    ink = cover_of(["25"])
    ink[44:49] = 0
    before, after, found = _mended(ink)
    assert len(before) > len(after) == 2
    assert found == "25"
    assert sum(piece.area for piece in after) == sum(piece.area for piece in before)
    assert sorted(piece.area for piece in after) == [int(piece.mask.sum()) for piece in after][::-1]


def test_two_digits_one_close_over_the_other_stay_two() -> None:
    upper, lower = digit(6, 0), digit(3, 1)
    ink = np.zeros((140, 80), np.float32)
    ink[10 : 10 + len(upper), 20 : 20 + upper.shape[1]] = upper
    top = 10 + len(upper) + 3
    ink[top : top + len(lower), 20 : 20 + lower.shape[1]] = lower
    before, after, _ = _mended(ink)
    assert len(before) == len(after) == 2


def test_whole_digits_are_left_as_they_are() -> None:
    before, after, found = _mended(cover_of(["0123456789"]))
    assert sorted(piece.box for piece in after) == sorted(piece.box for piece in before)
    assert len(found) == 10


def test_noise_is_not_mended() -> None:
    # Upright strokes, each of whose ends lies over another's.
    ink = np.zeros((600, 300), np.float32)
    for top in range(0, 600, 40):
        ink[top : top + 36, 5::20] = 1
    before, after, _ = _mended(ink)
    assert len(before) == 15 * 15
    assert after is before
