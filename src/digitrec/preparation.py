"""From a photograph, scan or drawing to digits as MNIST has them.

MNIST's preparation (LeCun et al., Gradient-based learning applied to document recognition, 1998, section III.A): a
digit of two colours is fitted into 20x20 pixels keeping its shape, which makes it grey, and centred by its mass in
28x28.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from digitrec.ink import Piece, ink_of, pieces_of, stroke_width
from digitrec.ruled_lines import without_ruled_lines

# Both sides of a network's input, and of the box that the digit is fitted into.
SIDE, BOX = 28, 20
# Longer side, in pixels, of the digit where its strokes are measured and thickened: four times the box's.
FINE = 4 * BOX
# Thinnest stroke, in pixels of the fine digit: MNIST's are seldom thinner than 1.8 pixels of the box.
THINNEST = 7.0


@dataclass(frozen=True)
class Prepared:
    """A digit that was found.

    Attributes
    ----------
    image : array
        uint8 of shape (28, 28), 255 is ink.
    box : tuple of int
        Left, top, right and bottom in pixels of the decoded image; right and bottom are the first outside.
    """

    image: np.ndarray
    box: tuple[int, int, int, int]


def find_digit(grey: np.ndarray) -> Prepared | None:
    """Find one digit in an image.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), of any size; ink dark on light or light on dark.

    Returns
    -------
    Prepared or None
        None where no ink is found. An image that has MNIST's own form already is taken as it is.
    """
    if _is_mnist(grey):
        return Prepared(grey, _box_of(grey > 0))
    ink, scale = ink_of(grey)
    ink = without_ruled_lines(ink)
    pieces = pieces_of(ink)
    if not pieces:
        return None
    chosen = _one_digit(pieces, ink.shape)
    return _prepare(ink, chosen, scale, grey.shape)


def find_line(grey: np.ndarray) -> list[Prepared]:
    """Find separate digits side by side, from left to right.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), as for `find_digit`.
    """
    ink, scale = ink_of(grey)
    ink = without_ruled_lines(ink)
    return [_prepare(ink, group, scale, grey.shape) for group in _digits_in_line(pieces_of(ink))]


def _box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, left + width, top + height


def _is_mnist(grey: np.ndarray) -> bool:
    """Tell whether an image is 28x28, light on black, 20 pixels high or wide, and centred by mass."""
    if grey.shape != (SIDE, SIDE) or grey[0].any() or grey[-1].any() or grey[:, 0].any() or grey[:, -1].any():
        return False
    moments = cv2.moments(grey)
    if not moments["m00"] or grey.max() < 128:
        return False
    left, top, right, bottom = _box_of(grey > 0)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    return BOX - 2 <= max(right - left, bottom - top) <= BOX and bool((abs(centre - (SIDE - 1) / 2) <= 1.1).all())


def _one_digit(pieces: list[Piece], shape: tuple[int, ...]) -> list[Piece]:
    """Choose the largest piece and those that belong to it: near, and no mere spots."""
    height, width = shape

    def weight(piece: Piece) -> float:
        # A shadow or the paper's edge lies along the border; writing seldom does.
        left, top, right, bottom = piece.box
        borders = (left == 0) + (top == 0) + (right == width) + (bottom == height)
        extent = max(piece.height, piece.width)
        return extent * piece.area**0.5 * (0.5 if borders == 1 else 0.25 if borders > 1 else 1)

    main = max(pieces, key=weight)
    chosen, box = [main], main.box
    reach = 0.16 * max(main.height, main.width)
    changed = True
    while changed:
        changed = False
        for piece in pieces:
            if any(piece is other for other in chosen):
                continue
            gap_x = max(piece.box[0] - box[2], box[0] - piece.box[2], 0)
            gap_y = max(piece.box[1] - box[3], box[1] - piece.box[3], 0)
            long = max(piece.height, piece.width) >= 0.18 * max(box[3] - box[1], box[2] - box[0])
            if np.hypot(gap_x, gap_y) <= reach and (long or piece.area >= 0.1 * main.area):
                chosen.append(piece)
                box = _union([box, piece.box])
                changed = True
    return chosen


def _digits_in_line(pieces: list[Piece]) -> list[list[Piece]]:
    """Group pieces that lie over one another into digits; leave out commas, points and specks."""
    if not pieces:
        return []
    tallest = max(piece.height for piece in pieces)
    groups: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.box[0]):
        for group in groups:
            box = _union([other.box for other in group])
            shared = min(box[2], piece.box[2]) - max(box[0], piece.box[0])
            if shared > 0.5 * min(box[2] - box[0], piece.width):
                group.append(piece)
                break
        else:
            groups.append([piece])
    heights = [_union([piece.box for piece in group])[3] - min(p.box[1] for p in group) for group in groups]
    # Punctuation is a third of a digit's height at most.
    usual = float(np.median([height for height in heights if height > 0.4 * tallest]))
    return [group for group, height in zip(groups, heights, strict=True) if height > 0.4 * usual]


def _union(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _prepare(ink: np.ndarray, pieces: list[Piece], scale: float, shape: tuple[int, ...]) -> Prepared:
    left, top, right, bottom = _union([piece.box for piece in pieces])
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for piece in pieces:
        x, y = piece.box[0] - left, piece.box[1] - top
        mask[y : y + piece.height, x : x + piece.width] |= piece.mask.astype(np.uint8)
    inside = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0
    digit = np.where(inside, ink[top:bottom, left:right], 0).astype(np.float32)
    height, width = shape
    whole = (
        max(0, int(left / scale)),
        max(0, int(top / scale)),
        min(width, int(np.ceil(right / scale))),
        min(height, int(np.ceil(bottom / scale))),
    )
    return Prepared(_centred(_fitted(digit, mask)), whole)


def _fitted(ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fit a digit into 20x20, its strokes no thinner than MNIST's: float32 from 0 to 1."""
    height, width = ink.shape
    factor = FINE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if factor < 1:
        stroke = stroke_width(mask)
        fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
        # Averaging makes a thin stroke faint, it does not end it.
        cut = 0.45 * min(1.0, stroke * factor)
    else:
        fine, cut = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC), 0.5
    bilevel = fine >= min(cut, 0.9 * float(fine.max()))
    edge = int(THINNEST)
    bilevel = cv2.copyMakeBorder(bilevel.astype(np.uint8), edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    missing = THINNEST - stroke_width(bilevel)
    if missing > 0.5:
        side = 1 + 2 * max(1, round(missing / 2))
        bilevel = cv2.dilate(bilevel, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    left, top, right, bottom = _box_of(bilevel)
    digit = bilevel[top:bottom, left:right].astype(np.float32)
    factor = BOX / max(digit.shape)
    size = (max(1, round(digit.shape[1] * factor)), max(1, round(digit.shape[0] * factor)))
    return cv2.resize(digit, size, interpolation=cv2.INTER_AREA)


def _centred(digit: np.ndarray) -> np.ndarray:
    """Put a digit of at most 20x20 into 28x28, its centre of mass in the middle."""
    moments = cv2.moments(digit)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1e-9)
    height, width = digit.shape
    left, top = np.clip(np.rint((SIDE - 1) / 2 - centre).astype(int), 0, [SIDE - width, SIDE - height])
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = np.rint(255 * digit)
    return image
