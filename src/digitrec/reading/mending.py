"""Broken strokes: pieces that lie one over the other and are parts of one digit."""

import numpy as np

from digitrec.reading.form import painted
from digitrec.reading.ink import Piece
from digitrec.reading.marks import CERTAIN, Asking, Mark

# In heights of a usual digit: the gap that a broken stroke has at most, the highest and the widest digit of two parts,
# and the highest of two that are digits alone, as those of two rows are.
GAP, HIGHEST, WIDEST, HIGH = 0.15, 1.75, 1.3, 1.3
# Two parts lie one over the other where they have this share of the narrower one's width in common.
SHARED = 0.5
# What is less probable than this is no digit alone.
DIGIT = 0.5
# Of noise, more pieces than this share, and FEW, lie one over another.
SOME, FEW = 0.5, 50
# The larger of two parts is as high as this.
LEAST = 0.25


def mended(asking: Asking, pieces: list[Piece], marks: list[Mark], height: float) -> tuple[list[Piece], list[Mark]]:
    """Join pieces, one over the other, that are a digit for certain only together.

    Parameters
    ----------
    asking : Asking
    pieces : list of Piece
        Of the page.
    marks : list of Mark
        What the network says of each alone.
    height : float
        Of a usual digit, in pixels.

    Returns
    -------
    pieces : list of Piece
    marks : list of Mark
    """
    pairs = _pairs(pieces, height)
    if len(pairs) > SOME * len(pieces) + FEW:
        return pieces, marks
    joined = asking.marks([[pieces[upper], pieces[lower]] for upper, lower in pairs])
    gone: set[int] = set()
    new: list[tuple[Piece, Mark]] = []
    for mark, (upper, lower) in sorted(zip(joined, pairs, strict=True), key=lambda pair: -pair[0].sure):
        is_low = mark.box[3] - mark.box[1] <= HIGH * height
        is_one = is_low or min(marks[upper].sure, marks[lower].sure) < DIGIT
        if mark.sure >= CERTAIN and is_one and not gone & {upper, lower}:
            gone |= {upper, lower}
            new.append((_together(pieces[upper], pieces[lower]), mark))
    kept = [(piece, mark) for k, (piece, mark) in enumerate(zip(pieces, marks, strict=True)) if k not in gone]
    both = sorted(kept + new, key=lambda pair: -pair[0].area)
    return [piece for piece, _ in both], [mark for _, mark in both]


def _pairs(pieces: list[Piece], height: float) -> list[tuple[int, int]]:
    """Find pieces, the upper and the lower, that a short gap parts."""
    if len(pieces) < 2:
        return []
    boxes = np.array([piece.box for piece in pieces], float)
    order = np.argsort(boxes[:, 1], kind="stable")
    tops = boxes[order, 1]
    pairs = []
    for upper, (left, top, right, bottom) in enumerate(boxes):
        if bottom - top > HIGHEST * height:
            continue
        first, stop = np.searchsorted(tops, [bottom - GAP * height, bottom + GAP * height])
        lower = order[first:stop]
        near = boxes[lower]
        shared = np.minimum(near[:, 2], right) - np.maximum(near[:, 0], left)
        fits = (
            (shared >= SHARED * np.minimum(near[:, 2] - near[:, 0], right - left))
            & (near[:, 3] > bottom)
            & (near[:, 3] - top <= HIGHEST * height)
            & (np.maximum(near[:, 2], right) - np.minimum(near[:, 0], left) <= WIDEST * height)
            & (np.maximum(bottom - top, near[:, 3] - near[:, 1]) > LEAST * height)
        )
        pairs += [(upper, int(number)) for number in lower[fits] if number != upper]
    return pairs


def _together(first: Piece, second: Piece) -> Piece:
    mask, box = painted([first, second])
    return Piece(mask > 0, box, first.area + second.area)
