"""The form that MNIST's digits have, given to others.

MNIST's preparation (LeCun et al., Gradient-based learning applied to document recognition, 1998, section III.A): a
digit of two colours is fitted into 20x20 pixels keeping its shape, which makes it grey, and centred by its mass in
28x28. Other sizes of image get the same in proportion, other written signs are treated likewise.
"""

import cv2
import numpy as np

from digitrec.reading.ink import WEAK, Piece, stroke_width
from digitrec.spec import ImageSpec

# Both sides of MNIST's images, and of the box that the digit is fitted into.
SIDE, BOX = 28, 20
# Longer side, in pixels, of the digit where its strokes are measured and thickened: four times the box's.
FINE = 4 * BOX
# Thinnest stroke, in pixels of the fine digit: a quarter of MNIST's are thinner than 2.04 pixels of the box.
THINNEST = 8.4


def to_form(cover: np.ndarray, image: ImageSpec) -> np.ndarray:
    """Bring what was drawn, cover from 0 to 1 as float32 and cut to it, to the network's form: uint8."""
    return _centred(_fitted(cover, (cover >= WEAK).astype(np.uint8), _box_side(image)), image)


def form_of(ink: np.ndarray, pieces: list[Piece], image: ImageSpec) -> np.ndarray:
    """Bring pieces of a page's ink, float32 from 0 to 1, to the network's form: uint8."""
    mask, (left, top, right, bottom) = painted(pieces)
    inside = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0
    digit = np.where(inside, ink[top:bottom, left:right], 0).astype(np.float32)
    return _centred(_fitted(digit, mask, _box_side(image)), image)


def painted(pieces: list[Piece]) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Give where pieces are, 1 or 0 as uint8, in the box around them, and that box."""
    left, top, right, bottom = union_of([piece.box for piece in pieces])
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for piece in pieces:
        piece.paint(mask, (left, top))
    return mask, (left, top, right, bottom)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Give left, top, right and bottom of what is not 0, right and bottom the first outside."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, left + width, top + height


def _box_side(image: ImageSpec) -> int:
    """Give the side of the box for a digit in images of this size."""
    return max(1, round(BOX / SIDE * min(image.height, image.width)))


def has_form(grey: np.ndarray, image: ImageSpec) -> bool:
    """Tell whether an image, uint8 of shape (height, width), is as the network wants it.

    It is of this size, light on black, as high or wide as the box, and centred by mass.
    """
    if grey.shape != (image.height, image.width):
        return False
    if grey[0].any() or grey[-1].any() or grey[:, 0].any() or grey[:, -1].any():
        return False
    moments = cv2.moments(grey)
    if not moments["m00"] or grey.max() < 128:
        return False
    left, top, right, bottom = box_of(grey > 0)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    middle = (np.array([image.width, image.height]) - 1) / 2
    side = _box_side(image)
    return side - 2 <= max(right - left, bottom - top) <= side and bool((abs(centre - middle) <= 1.1).all())


def union_of(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """Give the box around boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _fitted(ink: np.ndarray, mask: np.ndarray, box: int) -> np.ndarray:
    """Fit a digit into a box of so many pixels a side, its strokes no thinner than MNIST's: float32 from 0 to 1."""
    height, width = ink.shape
    factor = FINE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if factor < 1:
        thinnest = int(np.ceil(1 / factor))
        if stroke_width(mask) < thinnest:
            # Averaging would make the stroke faint, and end it where it falls into two pixels.
            ink = cv2.dilate(ink, np.ones((thinnest, thinnest), np.uint8))
        fine, cut = cv2.resize(ink, size, interpolation=cv2.INTER_AREA), 0.45
    else:
        fine, cut = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC), 0.5
    bilevel: np.ndarray = (fine >= min(cut, 0.9 * float(fine.max()))).astype(np.uint8)
    edge = int(THINNEST)
    bilevel = cv2.copyMakeBorder(bilevel, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    missing = THINNEST - stroke_width(bilevel)
    if missing > 0.5:
        side = 1 + 2 * max(1, round(missing / 2))
        bilevel = cv2.dilate(bilevel, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    left, top, right, bottom = box_of(bilevel)
    digit = bilevel[top:bottom, left:right].astype(np.float32)
    factor = box / max(digit.shape)
    size = (max(1, round(digit.shape[1] * factor)), max(1, round(digit.shape[0] * factor)))
    return cv2.resize(digit, size, interpolation=cv2.INTER_AREA)


def _centred(digit: np.ndarray, image: ImageSpec) -> np.ndarray:
    """Put a digit into an image, its centre of mass in the middle: uint8."""
    moments = cv2.moments(digit)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1e-9)
    height, width = digit.shape
    space = np.array([image.width, image.height])
    left, top = np.clip(np.rint((space - 1) / 2 - centre).astype(int), 0, space - [width, height])
    pixels = np.zeros((image.height, image.width), np.uint8)
    pixels[top : top + height, left : left + width] = np.rint(255 * digit)
    return pixels
