"""Whole pages: paper, ink and its turn; what stands in rows is then read by `row_reading`."""

import cv2
import numpy as np

from digitrec.reading.ink import Piece, pieces_of, reduced
from digitrec.reading.marks import Asking, Mark, Network, Reading, moved
from digitrec.reading.mending import mended
from digitrec.reading.row_reading import read_rows
from digitrec.reading.rows import slope_of
from digitrec.reading.ruled_lines import without_ruled_lines
from digitrec.reading.sheet import sheet_of_paper
from digitrec.reading.written import page_ink, turned, without_long_lines

# Pieces by which a page's turn is told, and how much surer the network must be of the turned ones on the average.
TURN_SAMPLE, TURN_MARGIN = 80, 0.15
# Rows that slant by more degrees may be those of a page that is turned, if so many digits or more show it.
MOST_SLANT, LEAST_SLANTED = 10.0, 4
# A reading that makes less of each thing on the page is poor.
POOR = 0.5
# What is so many times as high as wide says nothing of how high digits are, where others do.
LINE = 7
# From this probability on a piece tells how high digits are.
SEED = 0.5
# Of several digits where one is expected, each is as sure as this, and as high as this share of the highest.
SURE, ALIKE = 0.9, 0.5
# To see whether a picture of one digit has several, it is reduced to so many pixels on the longer side, and so many
# pieces are looked at.
COUNTED, FEW = 800, 40
# Of no more pieces of a page than these, the largest, the network is asked.
MOST_ASKED = 7000
# More pieces than these are noise, of which the largest may be digits, where fewer than this share look like digits.
MANY, DIGITS = 1600, 0.2


def read_page(grey: np.ndarray, network: Network, most: int = MOST_ASKED) -> Reading:
    """Read all digits on a page.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), of any size; ink dark on light or light on dark.
    network : Network
        What tells digits from each other and from all else.
    most : int
        Of no more pieces than these, the largest, the network is asked.

    Returns
    -------
    Reading
        Without rows where no digit is found.
    """
    small, scale = reduced(grey)
    sheet = sheet_of_paper(small)
    reading, origin = Reading(), (0, 0)
    for part, place in [sheet, (small, (0, 0))] if sheet else [(small, (0, 0))]:
        reading, origin = _read_paper(part, network, most), place
        if reading.rows:
            break
    matrix = np.array([[1, 0, origin[0]], [0, 1, origin[1]]]) / scale
    return moved(reading, matrix, grey.shape)


def count_digits(grey: np.ndarray, network: Network) -> int:
    """Count the digits on a picture that are surely digits and about as high as the highest; see `read_page`.

    Of specks, noise or a whole page, the largest pieces alone are looked at, and as they are.
    """
    grey, _ = reduced(grey, COUNTED)
    asking = Asking(page_ink(grey), network, FEW + 1)
    pieces = _of_some_size(asking)
    many = len(pieces) > FEW
    marks = asking.marks([[piece] for piece in pieces]) if many else read_page(grey, network, FEW).digits
    sure = [mark for mark in marks if mark.sure >= SURE]
    heights = [mark.box[3] - mark.box[1] for mark in sure]
    return sum(height >= ALIKE * max(heights) for height in heights)


def _read_paper(grey: np.ndarray, network: Network, most: int) -> Reading:
    """Read a sheet of paper; where little of what is on it can be read, what is darkest alone."""
    reading = _read(without_ruled_lines(page_ink(grey), several=True), network, most)
    if _worth(reading) < POOR * (len(reading.digits) + len(reading.others)) or not reading.rows:
        other = _read(without_ruled_lines(page_ink(grey, darkest=True), several=True), network, most)
        if _worth(other) > _worth(reading):
            return other
    return reading


def _read(ink: np.ndarray, network: Network, most: int) -> Reading:
    """Read a page's ink, upright or turned."""
    asking = Asking(ink, network, most)
    pieces, marks = _looked_at(asking)
    angle = _turn(asking, marks)
    reading = _read_turned(ink, network, most, angle) if angle else _read_upright(asking, pieces, marks)
    slant = _slant(reading)
    if abs(slant) > MOST_SLANT:
        # The page, and not the rows alone, may be turned.
        other = _read_turned(ink, network, most, slant)
        if _worth(other) > _worth(reading):
            return other
    return reading


def _read_turned(ink: np.ndarray, network: Network, most: int, angle: float) -> Reading:
    upright, matrix = turned(ink, angle)
    asking = Asking(upright, network, most)
    reading = _read_upright(asking, *_looked_at(asking))
    reading = Reading(reading.rows, reading.others, reading.apart, angle % 360)
    return moved(reading, cv2.invertAffineTransform(matrix), ink.shape)


def _slant(reading: Reading) -> float:
    """Give the angle, in degrees against the clock, that would make a reading's rows level."""
    boxes = np.array([mark.box for mark in (*reading.digits, *reading.others)], float).reshape(-1, 4)
    if len(boxes) < LEAST_SLANTED or reading.turned:
        return 0.0
    return float(np.degrees(np.arctan(slope_of(boxes, float(np.median(boxes[:, 3] - boxes[:, 1]))))))


def _worth(reading: Reading) -> float:
    """Tell how much a reading makes of a page: sure digits, and little else."""
    return sum(2 * mark.sure - 1 for mark in reading.digits) - 0.5 * len(reading.others)


def _read_upright(asking: Asking, pieces: list[Piece], marks: list[Mark]) -> Reading:
    """Read pieces, once it is known how high digits are without the lines that are longer than they."""
    if not pieces:
        return Reading()
    lined = without_long_lines(asking.ink, pieces, usual_height(marks, asking.ink.shape))
    if lined is not asking.ink:
        asking.ink = lined
        pieces, marks = _looked_at(asking)
        if not pieces:
            return Reading()
    return read_rows(asking, pieces, marks, usual_height(marks, asking.ink.shape))


def _looked_at(asking: Asking) -> tuple[list[Piece], list[Mark]]:
    """Give a page's pieces, the largest first, broken strokes joined, and what the network says of each."""
    pieces = _of_some_size(asking)
    marks = asking.marks([[piece] for piece in pieces])
    return mended(asking, pieces, marks, usual_height(marks, asking.ink.shape)) if pieces else ([], [])


def _of_some_size(asking: Asking) -> list[Piece]:
    """Give a page's pieces but dots and what is as large as the page, the largest first; of specks and noise, few."""
    largest = max(asking.ink.shape)
    kept = [
        piece
        for piece in pieces_of(asking.ink, speck=0)
        if piece.area >= 5 and 5 <= max(piece.height, piece.width) < 0.95 * largest + 5
    ]
    pieces = sorted(kept, key=lambda piece: -piece.area)[: asking.most]
    if len(pieces) > MANY:
        sample = asking.marks([[piece] for piece in pieces[:: len(pieces) // (MANY // 4)]])
        if sum(mark.sure > SEED for mark in sample) < DIGITS * len(sample):
            return pieces[: MANY // 4]
    return pieces


def _turn(asking: Asking, marks: list[Mark]) -> float:
    """Find the angle, in degrees against the clock, by which the page must be turned to stand upright."""
    boxes = [mark.box for mark in marks[:TURN_SAMPLE]]
    sizes = np.array([max(right - left, bottom - top) for left, top, right, bottom in boxes])
    # Digits are much alike in size; what is far larger is none.
    asked = np.flatnonzero((sizes > 0.4 * np.median(sizes)) & (sizes < 2.5 * np.median(sizes))) if len(sizes) else sizes
    if len(asked) < 2:
        return 0.0
    forms = np.stack([marks[number].pixels for number in asked])
    scores = [
        float(asking.answers(np.ascontiguousarray(np.rot90(forms, quarters, (1, 2)))).max(1).mean())
        for quarters in range(4)
    ]
    best = int(np.argmax(scores))
    return 90.0 * best if scores[best] > scores[0] + TURN_MARGIN else 0.0


def usual_height(marks: list[Mark], shape: tuple[int, ...]) -> float:
    """Give the median height of what is a digit for sure and clear of the border; each counts as much as it is high.

    Parameters
    ----------
    marks : list of Mark
        At least one, the largest first.
    shape : tuple of int
        Height and width of the page.
    """
    boxes, best = np.array([mark.box for mark in marks], float), np.array([mark.sure for mark in marks])
    clear = (boxes[:, :2] > 0).all(1) & (boxes[:, 2] < shape[1]) & (boxes[:, 3] < shape[0])
    # A table's line looks like a one.
    clear &= boxes[:, 3] - boxes[:, 1] < LINE * (boxes[:, 2] - boxes[:, 0])
    for sure in (clear & (best > SEED), best > SEED):
        if sure.any():
            heights = np.sort((boxes[:, 3] - boxes[:, 1])[sure])
            return float(heights[np.searchsorted(np.cumsum(heights), heights.sum() / 2)])
    return float(np.median((boxes[:, 2:] - boxes[:, :2]).max(1)[:20]))
