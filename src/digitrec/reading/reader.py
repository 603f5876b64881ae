"""Whole pages: finding rows of digits, cutting and joining pieces until the network is sure, leaving out the rest."""

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from digitrec.reading.cutting import cuts_of, part_of
from digitrec.reading.digits import form_of
from digitrec.reading.ink import Piece, reduced
from digitrec.reading.rows import rows_of
from digitrec.reading.sheet import sheet_of_paper
from digitrec.reading.written import Written, page_ink, turned, written_on
from digitrec.spec import ImageSpec

# Pieces by which a page's turn is told, and how much surer the network must be of the turned ones on the average.
TURN_SAMPLE, TURN_MARGIN = 80, 0.15
# In heights of a usual digit: the least and the largest piece that may be one, the widest that is not cut, and the
# smallest that may be a part of one.
LEAST, LARGEST, WIDEST, PART = 0.3, 2.0, 0.62, 0.1
# From this probability on a piece tells how high digits are and where rows run.
SEED = 0.5
# Less probable pieces are no digits.
DIGIT = 0.35
# Parts of a cut piece are digits from this probability on.
CUT = 0.6
# Pieces that a digit may be broken into.
MOST_PARTS = 4
# Of no more pieces of a page than these, the largest, the network is asked.
MOST_ASKED = 9000

Box = tuple[int, int, int, int]


class Network(Protocol):
    """What answers: `digitrec.reading.recognizer.Recognizer`."""

    image: ImageSpec

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
        Left, top, right and bottom in the upright image; right and bottom are the first outside.
    probabilities : array
        Floats of shape (classes,).
    """

    pixels: np.ndarray
    box: Box
    probabilities: np.ndarray


@dataclass(frozen=True)
class Reading:
    """What stands on a page.

    Attributes
    ----------
    rows : list of list of Mark
        Digits: rows from top to bottom, digits from left to right.
    others : list of Mark
        What is no digit.
    turn : float
        Degrees by which the page was turned against the clock to be read.
    """

    rows: list[list[Mark]] = field(default_factory=list)
    others: list[Mark] = field(default_factory=list)
    turn: float = 0.0


def read_page(grey: np.ndarray, network: Network) -> Reading:
    """Read all digits on a page.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), of any size; ink dark on light or light on dark.
    network : Network
        What tells digits from each other and from all else.

    Returns
    -------
    Reading
        Without rows where no digit is found.
    """
    small, scale = reduced(grey)
    sheet = sheet_of_paper(small)
    reading = Reading()
    for part, origin in [sheet, (small, (0, 0))] if sheet else [(small, (0, 0))]:
        reading = _Reader(page_ink(part), network).reading()
        if reading.rows:
            break
    return _in_image(reading, origin, scale, grey.shape)


class _Reader:
    """Reads one page's ink."""

    def __init__(self, ink: np.ndarray, network: Network):
        self.network, self.image = network, network.image
        self.ink = ink

    def reading(self) -> Reading:
        page = written_on(self.ink)
        if not page.pieces:
            return Reading()
        pieces = self._of_some_size(page.pieces)
        forms = self._forms([[piece] for piece in pieces], page)
        angle = self._turn(pieces, forms)
        matrix = np.eye(3)[:2]
        if angle:
            self.ink, matrix = turned(self.ink, angle)
            page = written_on(self.ink)
            pieces = self._of_some_size(page.pieces)
            forms = self._forms([[piece] for piece in pieces], page)
        return self._read(page, pieces, self._ask(forms), matrix, angle)

    def _of_some_size(self, pieces: list[Piece]) -> list[Piece]:
        """Leave out dots, and what is nearly as large as the page."""
        side = max(self.ink.shape)
        most = 0.95 * side
        pieces = [p for p in pieces if max(p.height, p.width) >= 5 and p.area >= 5 and max(p.height, p.width) < most]
        return sorted(pieces, key=lambda piece: -piece.area)[:MOST_ASKED]

    def _forms(self, groups: list[list[Piece]], page: Written) -> np.ndarray:
        """Prepare groups of pieces: uint8 of shape (n, height, width)."""
        forms = [form_of(page.ink, group, self.image) for group in groups]
        return np.stack(forms) if forms else np.zeros((0, self.image.height, self.image.width), np.uint8)

    def _ask(self, forms: np.ndarray) -> np.ndarray:
        if not len(forms):
            return np.zeros((0, len(self.image.classes)), np.float32)
        return self.network.probabilities(np.repeat(forms[..., None], self.image.channels, 3))

    def _turn(self, pieces: list[Piece], forms: np.ndarray) -> float:
        """Find the angle, in degrees against the clock, by which the page must be turned to stand upright."""
        sizes = np.array([max(piece.height, piece.width) for piece in pieces])
        if not len(sizes):
            return 0.0
        # Digits are much alike in size; what is far larger is none.
        usual = float(np.median(sizes[:TURN_SAMPLE]))
        asked = np.flatnonzero((sizes > 0.4 * usual) & (sizes < 2.5 * usual))[:TURN_SAMPLE]
        if len(asked) < 2:
            return 0.0
        scores = [
            float(self._ask(np.ascontiguousarray(np.rot90(forms[asked], k, (1, 2)))).max(1).mean()) for k in range(4)
        ]
        best = int(np.argmax(scores))
        if best and scores[best] > scores[0] + TURN_MARGIN:
            return 90.0 * best
        return 0.0

    def _read(
        self, page: Written, pieces: list[Piece], probabilities: np.ndarray, matrix: np.ndarray, angle: float
    ) -> Reading:
        height = _usual_height(pieces, probabilities, self.ink.shape)
        if height is None:
            height = float(np.median([max(piece.height, piece.width) for piece in pieces[:20]])) if pieces else 0
        if not height:
            return Reading()
        lined = written_on(self.ink, height)
        if len(lined.pieces) != len(page.pieces) or lined.ink is not page.ink:
            page, pieces = lined, self._of_some_size(lined.pieces)
            probabilities = self._ask(self._forms([[piece] for piece in pieces], page))
            height = _usual_height(pieces, probabilities, self.ink.shape) or height
        return _Rows(self, page, pieces, probabilities, height).reading(matrix, angle)


def _usual_height(pieces: list[Piece], probabilities: np.ndarray, shape: tuple[int, ...]) -> float | None:
    """Give the median height of what is a digit for sure and clear of the border; each counts as much as it is high."""
    if not pieces:
        return None
    boxes, best = np.array([piece.box for piece in pieces], float), probabilities.max(1)
    clear = (boxes[:, :2] > 0).all(1) & (boxes[:, 2] < shape[1]) & (boxes[:, 3] < shape[0])
    for sure in (clear & (best > SEED), best > SEED):
        if sure.any():
            heights = np.sort((boxes[:, 3] - boxes[:, 1])[sure])
            return float(heights[np.searchsorted(np.cumsum(heights), heights.sum() / 2)])
    return None


@dataclass
class _Choice:
    """A way to see some pieces of a row: as these digits, each of some pieces, or as none."""

    first: int
    count: int
    groups: list[list[Piece]]
    numbers: list[int]
    sure: float = 0.0


class _Rows:
    """Rows of a page, whose digits are about as high as `height`."""

    def __init__(self, reader: _Reader, page: Written, pieces: list[Piece], probabilities: np.ndarray, height: float):
        self.reader, self.page, self.height = reader, page, height
        self.pieces, self.single = pieces, probabilities
        self.groups: list[list[Piece]] = []

    def reading(self, matrix: np.ndarray, angle: float) -> Reading:
        rows = self._rows()
        choices = [self._choices(row) for row in rows]
        forms = self.reader._forms(self.groups, self.page)
        asked = self.reader._ask(forms)
        reading = Reading(turn=angle)
        for row, options in zip(rows, choices, strict=True):
            digits, others = self._best(row, options, asked)
            marks = [
                [self._mark(self.groups[n], forms[n], asked[n], matrix) for n in numbers]
                for numbers in (digits, others)
            ]
            if marks[0]:
                reading.rows.append(marks[0])
            reading.others.extend(marks[1])
        return reading

    def _rows(self) -> list[list[Piece]]:
        """Group pieces into rows, by those that may be digits; smaller ones go where they are nearest."""
        h, best = self.height, self.single.max(1)
        kept = [
            piece.height >= LEAST * h
            and piece.height <= LARGEST * h
            and (p > 0.3 or (piece.width > WIDEST * h and piece.height > 0.5 * h and piece.width < 8 * h))
            for piece, p in zip(self.pieces, best, strict=True)
        ]
        main = [piece for piece, keep in zip(self.pieces, kept, strict=True) if keep]
        if not main:
            return []
        boxes = np.array([piece.box for piece in main], float)
        numbers = rows_of(boxes, h)
        rows = [[main[number] for number in row] for row in numbers]
        centres = [((boxes[row, :2] + boxes[row, 2:]) / 2) for row in numbers]
        for piece, keep in zip(self.pieces, kept, strict=True):
            largest = max(piece.height, piece.width)
            if keep or largest < PART * h or piece.height > LARGEST * h or piece.width > 3 * h:
                continue
            x, y = (piece.box[0] + piece.box[2]) / 2, (piece.box[1] + piece.box[3]) / 2
            off = []
            for centre in centres:
                nearest = int(abs(centre[:, 0] - x).argmin())
                apart = abs(centre[nearest] - [x, y])
                off.append(apart[1] if apart[0] < 1.2 * h else np.inf)
            if min(off) < 0.8 * h:
                rows[int(np.argmin(off))].append(piece)
        return [sorted(row, key=lambda piece: piece.box[0] + piece.box[2]) for row in rows]

    def _ask_for(self, group: list[Piece]) -> int:
        self.groups.append(group)
        return len(self.groups) - 1

    def _choices(self, row: list[Piece]) -> list[_Choice]:
        """List all ways to see a row's pieces that are worth asking for."""
        h, choices = self.height, []
        for first in range(len(row)):
            box = row[first].box
            for count in range(1, MOST_PARTS + 1):
                if first + count > len(row):
                    break
                other = row[first + count - 1].box
                gap = other[0] - box[2]
                box = min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3])
                if count > 1 and (box[2] - box[0] > 1.25 * h or box[3] - box[1] > 1.7 * h or gap > 0.3 * h):
                    break
                group = row[first : first + count]
                choices.append(_Choice(first, count, [group], [self._ask_for(group)]))
            choices += self._cuts(row, first)
        return choices

    def _cuts(self, row: list[Piece], first: int) -> list[_Choice]:
        """Cut a wide piece; each run of its parts is asked for, and which of them are digits is decided later."""
        piece, h = row[first], self.height
        if piece.width <= WIDEST * h or piece.height < 0.5 * h or piece.width > 8 * h:
            return []
        cuts = cuts_of(piece.mask, h)
        if not cuts:
            return []
        ends: list[np.ndarray | None] = [None, *cuts, None]
        parts = []
        for i in range(len(ends) - 1):
            for j in range(i + 1, len(ends)):
                if (i, j) == (0, len(ends) - 1):
                    continue
                part = _cut_piece(piece, ends[i], ends[j])
                if part is not None and 0.08 * h <= part.width <= 1.3 * h and part.height >= 0.35 * h:
                    parts.append((i, j, part))
        return [_Choice(first, 1, [[part]], [self._ask_for([part])], sure=i + 100 * j) for i, j, part in parts]

    def _best(self, row: list[Piece], choices: list[_Choice], asked: np.ndarray) -> tuple[list[int], list[int]]:
        """Choose what to see a row as: numbers of groups that are digits, and of pieces that are none."""
        p = asked.max(1)
        whole = [c for c in choices if not c.sure]
        options: dict[int, list[tuple[int, list[int], float]]] = {}
        for choice in whole:
            options.setdefault(choice.first, []).append((choice.count, choice.numbers, float(p[choice.numbers[0]])))
        for first in {c.first for c in choices if c.sure}:
            parts = [
                (int(c.sure) % 100, int(c.sure) // 100, c.numbers[0]) for c in choices if c.sure and c.first == first
            ]
            numbers, sure = _best_parts(parts, p)
            if numbers and sure >= CUT:
                options[first].append((1, numbers, 0.97 * sure))
        n, h = len(row), self.height
        weights = np.array([np.clip(max(piece.height, piece.width) / h, 0.05, 1) for piece in row])
        # The most that a piece can be a digit or a part of one.
        most = np.zeros(n)
        for first, ways in options.items():
            for count, _, sure in ways:
                most[first : first + count] = np.maximum(most[first : first + count], sure)
        value = np.zeros(n + 1)
        chosen: list[tuple[int, list[int]]] = [(1, [])] * n
        for first in reversed(range(n)):
            value[first] = weights[first] * np.log(max(1 - most[first], 1e-3)) + value[first + 1]
            chosen[first] = (1, [])
            for count, numbers, sure in options.get(first, []):
                found = weights[first : first + count].sum() * np.log(max(sure, 1e-4)) + value[first + count]
                if found > value[first] and sure >= DIGIT:
                    value[first], chosen[first] = found, (count, numbers)
        digits, others, place = [], [], 0
        alone = {choice.first: choice.numbers[0] for choice in whole if choice.count == 1}
        while place < n:
            count, numbers = chosen[place]
            digits += numbers
            if not numbers:
                others.append(alone[place])
            place += count
        return digits, others

    def _mark(self, group: list[Piece], form: np.ndarray, probabilities: np.ndarray, matrix: np.ndarray) -> Mark:
        boxes = np.array([piece.box for piece in group])
        left, top = boxes[:, :2].min(0)
        right, bottom = boxes[:, 2:].max(0)
        corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]], float)
        inverse = cv2.invertAffineTransform(matrix.astype(np.float64))
        x, y = (corners @ inverse.T).T
        return Mark(form, (int(x.min()), int(y.min()), int(np.ceil(x.max())), int(np.ceil(y.max()))), probabilities)


def _cut_piece(piece: Piece, left: np.ndarray | None, right: np.ndarray | None) -> Piece | None:
    """Give a piece between two cuts: the largest of what hangs together there, None where there is none."""
    mask = part_of(piece.mask, left, right).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    keep = 1 + np.flatnonzero(areas >= 0.12 * areas.max())
    mask = np.isin(labels, keep)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = piece.box[0] + columns[0], piece.box[1] + rows[0], piece.box[0] + columns[-1] + 1, piece.box[1] + rows[-1] + 1
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Piece(cut, tuple(int(v) for v in box), int(cut.sum()))  # type: ignore[arg-type]


def _best_parts(parts: list[tuple[int, int, int]], p: np.ndarray) -> tuple[list[int], float]:
    """Choose the parts from a piece's left to its right of which the least sure is the surest."""
    last = max(j for _, j, _ in parts)
    best: dict[int, tuple[float, list[int]]] = {0: (1.0, [])}
    for end in range(1, last + 1):
        ways = [
            (min(best[i][0], float(p[number])), [*best[i][1], number])
            for i, j, number in parts
            if j == end and i in best
        ]
        if ways:
            # Of as sure ones, the fewest.
            best[end] = max(ways, key=lambda way: way[0] - 0.02 * len(way[1]))
    sure, numbers = best.get(last, (0.0, []))
    return (numbers, sure) if len(numbers) > 1 else ([], 0.0)


def _in_image(reading: Reading, origin: tuple[int, int], scale: float, shape: tuple[int, ...]) -> Reading:
    """Bring boxes from the reduced part of an image to the image."""

    def moved(mark: Mark) -> Mark:
        left, top, right, bottom = mark.box
        x, y = origin
        box = (
            max(0, int((x + left) / scale)),
            max(0, int((y + top) / scale)),
            min(shape[1], int(np.ceil((x + right) / scale))),
            min(shape[0], int(np.ceil((y + bottom) / scale))),
        )
        return Mark(mark.pixels, box, mark.probabilities)

    return Reading([[moved(m) for m in row] for row in reading.rows], [moved(m) for m in reading.others], reading.turn)
