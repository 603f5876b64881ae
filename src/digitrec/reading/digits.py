"""Finding one digit in a photograph, scan or drawing."""

from dataclasses import dataclass

import cv2
import numpy as np

from digitrec.reading.form import box_of, form_of, has_form, union_of
from digitrec.reading.ink import Piece, ink_of, page_around_a_large_digit, pieces_of, reduced
from digitrec.reading.ruled_lines import without_ruled_lines
from digitrec.reading.sheet import sheet_of_paper
from digitrec.spec import ImageSpec

# A piece of at most this height, as a share of its width, under the digits is a line drawn under them.
UNDERLINE = 0.15
# A stroke goes on behind a gap of this share of the digit's longer side.
BROKEN = 0.08
# Pixels a side from which on a piece may be a frame around others.
SMALLEST_FRAME = 12
# Pieces that may belong to the largest, and steps from one to the next, that are looked at.
MOST_PARTS, MOST_STEPS = 500, 8


@dataclass(frozen=True)
class Digit:
    """A digit that was found.

    Attributes
    ----------
    pixels : array
        uint8 of shape (height, width) as the network wants them, 255 is ink.
    box : tuple of int
        Left, top, right and bottom in pixels of the decoded image; right and bottom are the first outside.
    """

    pixels: np.ndarray
    box: tuple[int, int, int, int]


def find_digit(grey: np.ndarray, image: ImageSpec) -> Digit | None:
    """Find one digit in an image.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), of any size; ink dark on light or light on dark.
    image : ImageSpec
        The size to bring it to.

    Returns
    -------
    Digit or None
        None where no ink is found. An image that has the network's own form already is taken as it is.
    """
    if has_form(grey, image):
        return Digit(grey, box_of(grey > 0))
    page = _read(grey)
    return page.prepare(_one_digit(page.pieces, page.ink.shape), image) if page.pieces else None


@dataclass(frozen=True)
class _Page:
    """Ink and its pieces on a page that is a part of an image, reduced by `scale`, with `origin` in its corner."""

    ink: np.ndarray
    pieces: list[Piece]
    origin: tuple[int, int]
    scale: float
    shape: tuple[int, ...]

    def prepare(self, pieces: list[Piece], image: ImageSpec) -> Digit:
        """Prepare the digit that consists of these pieces."""
        left, top, right, bottom = union_of([piece.box for piece in pieces])
        height, width = self.shape
        x, y = self.origin
        box = (
            max(0, int((x + left) / self.scale)),
            max(0, int((y + top) / self.scale)),
            min(width, int(np.ceil((x + right) / self.scale))),
            min(height, int(np.ceil((y + bottom) / self.scale))),
        )
        return Digit(form_of(self.ink, pieces, image), box)


def _read(grey: np.ndarray) -> _Page:
    """Find the ink on a sheet of paper in the image, or if there is no sheet with ink on it, in all of the image."""
    shape = grey.shape
    grey, scale = reduced(grey)
    # What a digit that fills the image leaves of the page on one side is no sheet on a table.
    sheet = None if page_around_a_large_digit(grey, tight=True) is not None else sheet_of_paper(grey)
    for part, origin in [sheet, (grey, (0, 0))] if sheet else [(grey, (0, 0))]:
        ink = without_ruled_lines(ink_of(part))
        page = _Page(ink, _without_frames(pieces_of(ink)), origin, scale, shape)
        if page.pieces:
            break
    return page


def _without_frames(pieces: list[Piece]) -> list[Piece]:
    """Leave out boxes and circles around digits, and lines under them."""
    pieces = sorted(pieces, key=lambda piece: piece.box[0])
    boxes = np.array([piece.box for piece in pieces]).reshape(-1, 4)
    written = [piece for piece in pieces if not _is_around(piece, pieces, boxes)]
    upright = [piece for piece in written if piece.height > UNDERLINE * piece.width]
    if not upright:
        return written
    tallest = max(upright, key=lambda piece: piece.height)
    # A two's foot may be a piece of its own, and is nearer.
    bottom = tallest.box[3] + 0.03 * tallest.height
    return [
        piece
        for piece in written
        if piece.height > UNDERLINE * piece.width or piece.box[1] < bottom or piece.width < 0.8 * tallest.width
    ]


def _is_around(piece: Piece, others: list[Piece], boxes: np.ndarray) -> bool:
    """Tell whether one of the others, sorted by their left sides, and no mere spot is in what a piece encloses."""
    if min(piece.height, piece.width) < SMALLEST_FRAME:
        return False
    start, stop = np.searchsorted(boxes[:, 0], [piece.box[0] + 1, piece.box[2]])
    tops, rights, bottoms = boxes[start:stop, 1:].T
    enclosed = (tops > piece.box[1]) & (rights < piece.box[2]) & (bottoms < piece.box[3])
    inside = start + np.flatnonzero(enclosed & (bottoms - tops >= 0.3 * piece.height))
    if not inside.size:
        return False
    outline, _ = cv2.findContours(piece.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    area = cv2.drawContours(np.zeros(piece.mask.shape, np.uint8), outline, -1, 1, cv2.FILLED)
    # Pieces do not cross: with one pixel inside, all of one is.
    for number in inside:
        left, top = others[number].box[:2]
        if area[top - piece.box[1], left - piece.box[0] + int(others[number].mask[0].argmax())]:
            return True
    return False


def _one_digit(pieces: list[Piece], shape: tuple[int, ...]) -> list[Piece]:
    """Choose the largest piece and those that belong to it: near, and no mere spots."""
    pieces = _without_the_papers_edge(pieces, shape)
    main = max(pieces, key=lambda piece: max(piece.height, piece.width) * piece.area**0.5)
    extent = max(main.height, main.width)
    rest = sorted((piece for piece in pieces if piece is not main), key=lambda piece: -piece.area)[:MOST_PARTS]
    chosen, box = [main], main.box
    ink = np.zeros(shape, np.uint8)
    main.paint(ink)
    gap = 1 + round(BROKEN * extent)
    added = [main]
    # A stroke may go on from part to part, but not without end.
    for _ in range(MOST_STEPS):
        if not added:
            break
        around = cv2.distanceTransform(1 - ink, cv2.DIST_C, 3) <= gap
        added = []
        for piece in rest:
            apart = np.hypot(
                max(piece.box[0] - box[2], box[0] - piece.box[2], 0),
                max(piece.box[1] - box[3], box[1] - piece.box[3], 0),
            )
            long = max(piece.height, piece.width) >= 0.18 * max(box[3] - box[1], box[2] - box[0])
            part = apart <= 0.25 * extent and (long or piece.area >= 0.1 * main.area)
            if part or (apart <= gap and piece.touches(around)):
                added.append(piece)
        for piece in added:
            piece.paint(ink)
        chosen += added
        rest = [piece for piece in rest if not any(piece is other for other in added)]
        box = union_of([piece.box for piece in chosen])
    return chosen


def _without_the_papers_edge(pieces: list[Piece], shape: tuple[int, ...]) -> list[Piece]:
    """Leave out what lies along the image's border, a table's edge or a shadow, where there is writing clear of it."""
    height, width = shape
    clear = [
        piece
        for piece in pieces
        if piece.box[0] > 0 and piece.box[1] > 0 and piece.box[2] < width and piece.box[3] < height
    ]
    if max((max(piece.height, piece.width) for piece in clear), default=0) < 0.1 * max(shape):
        return pieces

    def along(piece: Piece) -> bool:
        left, top, right, bottom = piece.box
        contacts = [
            (left == 0) * piece.mask[:, 0].sum() / height,
            (right == width) * piece.mask[:, -1].sum() / height,
            (top == 0) * piece.mask[0].sum() / width,
            (bottom == height) * piece.mask[-1].sum() / width,
        ]
        return max(contacts) > 0.5

    return [piece for piece in pieces if not along(piece)]
