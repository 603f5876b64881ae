"""Pages that are composed: rows of handwritten digits with all that surrounds them, and the truth about them."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from digitrec.reading.strokes import SIGNS, digit_strokes, drawn_strokes, strokes_of

# What people write beside digits, with no letter that looks like one.
WORDS = (
    "Name",
    "Datum",
    "Euro",
    "kW",
    "Total",
    "Summe",
    "Page",
    "Nr",
    "Tel",
    "Matr",
    "Preis",
    "Meter",
    "Haus",
    "Menge",
)
HEADINGS = ("Rechnung", "INVENTORY", "Homework", "Kassenbuch", "Phone numbers", "Name:", "Examination", "MATHEMATIK")
# Hershey's, where OpenCV has them; from its fifth version on, all of these are one typeface without serifs.
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
# Kinds of pages, by what people's have been seen to have; each is drawn as often.
KINDS = (
    "line", "rows", "groups", "columns", "table", "slanting", "waving", "uneven", "small zeros", "joined", "ruled",
    "thick ruling", "squared", "dark table", "rim", "torn", "shadow", "coloured", "light on dark", "pencil", "thin",
    "marker", "jpeg", "turned", "cut", "broken", "signs", "letters", "print",
)  # fmt: skip
# Kinds of which a page has one row, and those of which it has several.
ONE_ROW = ("line", "signs", "cut", "thick ruling")
SEVERAL_ROWS = ("rows", "columns", "table", "turned")
Box = tuple[float, float, float, float]


@dataclass
class Page:
    """A page and what is on it.

    Attributes
    ----------
    picture : array
        uint8 of shape (height, width, 3): red, green, blue.
    rows : list of list of (str, box)
        From top to bottom and from left to right: a digit, and left, top, right and bottom in pixels.
    kind : str
        One of KINDS.
    quality : int
        At which it is to be saved as JPEG; 0 for PNG.
    """

    picture: np.ndarray
    rows: list[list[tuple[str, Box]]]
    kind: str
    quality: int

    @property
    def text(self) -> list[str]:
        return ["".join(digit for digit, _ in row) for row in self.rows]


def enlarged(image: np.ndarray, height: float, thicker: float = 0) -> np.ndarray:
    """Make one of MNIST's digits as if written with a pen: cover, float32 from 0 to 1.

    Parameters
    ----------
    image : array
        uint8 of shape (28, 28), 255 is ink.
    height : float
        Wanted of a digit that is as high as MNIST's box, in pixels.
    thicker : float
        Pixels of the original by which strokes become broader; below 0, thinner.
    """
    left, top, width, tall = cv2.boundingRect((image > 60).astype(np.uint8))
    cut = np.pad(image[top : top + tall, left : left + width], 2)
    factor = height / 20
    size = max(3, round(cut.shape[1] * factor)), max(3, round(cut.shape[0] * factor))
    fine = cv2.resize(cut, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA).astype(np.float32)
    # The outline of a stroke, at the scale that it was seen at, moves with the level that it is drawn at.
    fine = np.clip((fine - 110 + 50 * thicker) / (90 / min(factor, 3)) + 0.5, 0, 1).astype(np.float32)
    rows, columns = np.flatnonzero(fine.max(1) > 0.3), np.flatnonzero(fine.max(0) > 0.3)
    if not rows.size:
        return np.ones((1, 1), np.float32)
    return fine[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def letters(text: str, rng: np.random.Generator, height: float, pen: float) -> np.ndarray:
    """Write a word in one of OpenCV's typefaces, unsteadily: cover, float32 from 0 to 1."""
    font = FONTS[rng.integers(len(FONTS))]
    scale, thick = 3 * height / 22, max(1, round(3 * pen))
    (width, tall), below = cv2.getTextSize(text, font, scale, thick)
    edge = thick + 2 + int(0.3 * tall)
    image = np.zeros((tall + below + 2 * edge, width + 2 * edge), np.uint8)
    cv2.putText(image, text, (edge, tall + edge), font, scale, 255, thick, cv2.LINE_AA)
    slant, turn = rng.normal(0.05, 0.12), rng.normal(0, 0.04)
    matrix = np.array([[1, -slant, slant * tall / 2], [turn, 1, -turn * width / 2]], np.float32)
    small = cv2.resize(
        cv2.warpAffine(image, matrix, image.shape[::-1]), None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA
    )
    left, top, width, tall = cv2.boundingRect((small > 64).astype(np.uint8))
    return small[top : top + max(1, tall), left : left + max(1, width)].astype(np.float32) / 255


def compose(images: np.ndarray, labels: np.ndarray, seed: int, kind: str | None = None) -> Page:
    """Compose a page.

    Parameters
    ----------
    images : array
        uint8 of shape (n, 28, 28), digits of MNIST's training set.
    labels : array
        Integers of shape (n,).
    seed : int
        Of all that is random.
    kind : str, optional
        One of KINDS; else all take turns with the seeds.
    """
    rng = np.random.default_rng([seed, 8128])
    return _Composer(images, labels, rng, kind or KINDS[seed % len(KINDS)]).page()


class _Composer:
    """One page's making: what is written, then the paper, then the light."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator, kind: str):
        self.images, self.labels, self.rng, self.kind = images, labels, rng, kind
        low, high = {"thin": (40, 110), "marker": (40, 120), "small zeros": (30, 90)}.get(kind, (17, 100))
        self.height = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        self.by_strokes = rng.random() < (0.8 if kind in ("thin", "marker") else 0.25)
        thickness = {"thin": (0.012, 0.03), "marker": (0.14, 0.2)}.get(kind, (0.05, 0.13))
        self.pen = max(1.0, self.height * rng.uniform(*thickness))
        self.thicker = rng.uniform(-0.8, 0.8) if kind != "marker" else 1.2
        self.slant = rng.normal(0.1, 0.12)
        self.gap = rng.uniform(0.2, 0.9) if kind != "joined" else rng.uniform(0.05, 0.25)
        self.tilt = rng.normal(0, 0.015) if kind != "slanting" else rng.choice([-1, 1]) * rng.uniform(0.06, 0.3)
        self.wave = (0.35 if kind == "waving" else 0.03) * rng.uniform(0.5, 1)

    def page(self) -> Page:
        placed, texts = self._layout()
        right = max(x + cover.shape[1] for cover, x, _ in placed)
        margins = self.rng.uniform(0.4, 2, 4) * self.height + 4
        top = min(y for _, _, y in placed)
        left = min(x for _, x, _ in placed)
        bottom = max(y + cover.shape[0] for cover, _, y in placed)
        width, height = (
            int(v) for v in (right - left + margins[0] + margins[1], bottom - top + margins[2] + margins[3])
        )
        ink = np.zeros((height, width), np.float32)
        rows: list[list[tuple[str, Box]]] = [[] for _ in range(1 + max((row for _, row in texts), default=0))]
        for (cover, x, y), (text, row) in zip(placed, texts, strict=True):
            across, down = round(x - left + margins[0]), round(y - top + margins[2])
            part = ink[down : down + cover.shape[0], across : across + cover.shape[1]]
            np.maximum(part, cover[: part.shape[0], : part.shape[1]], out=part)
            if text:
                rows[row].append((text, (across, down, across + cover.shape[1], down + cover.shape[0])))
        rows = [sorted(row, key=lambda item: item[1][0] + item[1][2]) for row in rows if row]
        if self.kind == "cut":
            ink, rows = self._cut(ink, rows)
        return self._finished(self._on_paper(ink, rows), rows)

    def _layout(self) -> tuple[list[tuple[np.ndarray, float, float]], list[tuple[str, int]]]:
        """Write all: covers with their places, and the digit (empty where it is none) and row of each."""
        rng, h, kind = self.rng, self.height, self.kind
        n_rows = 1 if kind in ONE_ROW else int(rng.integers(2, 7)) if kind in SEVERAL_ROWS else int(rng.integers(1, 6))
        spacing = h * rng.uniform(1.5, 2.6)
        grid = kind in ("columns", "table")
        n_columns = int(rng.integers(2, 5)) if grid else 2 if kind == "groups" else 1
        per_group = int(rng.integers(1, 5)) if grid else int(rng.integers(2, 9))
        pitch = h * (per_group * 1.15 + rng.uniform(0.8, 3))
        self.cell = (pitch, spacing)
        placed, texts = [], []
        phase = rng.uniform(0, 6)
        for row in range(n_rows):
            indent = rng.uniform(0, 1.5) * h * (not grid) * (rng.random() < 0.4)
            x = indent
            for column in range(n_columns):
                x = max(x + (h if column else 0), indent + column * pitch)
                count = per_group if not grid else int(rng.integers(1, per_group + 1))
                count = max(1, count - int(rng.integers(0, 3)))
                for number in range(count):
                    digit = int(rng.integers(10))
                    cover = self._digit(digit)
                    jitter = h * rng.normal(0, 0.16 if kind == "uneven" else 0.04)
                    base = row * spacing + self.tilt * x + self.wave * h * np.sin(x / (4 * h) + phase) + jitter
                    placed.append((cover, x, base + (h - cover.shape[0]) * rng.uniform(0.4, 1)))
                    texts.append((str(digit), row))
                    x += cover.shape[1] + h * self._gap_after(number, count)
                    if kind == "signs" and number < count - 1 and rng.random() < 0.5:
                        x = self._sign(x, base, placed, texts, row)
                if kind == "letters" and rng.random() < 0.6:
                    word = letters(WORDS[rng.integers(len(WORDS))], rng, h * rng.uniform(0.6, 1), self.pen)
                    placed.append((word, x + 0.6 * h, row * spacing + self.tilt * x + h - word.shape[0]))
                    texts.append(("", row))
                    x += word.shape[1] + 1.2 * h
        if kind == "print":
            size = h * rng.uniform(0.5, 1.2)
            word = letters(HEADINGS[rng.integers(len(HEADINGS))], rng, size, max(1.0, 0.1 * size))
            placed.append((word, rng.uniform(0, h), -word.shape[0] - h * rng.uniform(0.6, 1.5)))
            texts.append(("", 0))
        return placed, texts

    def _gap_after(self, number: int, count: int) -> float:
        if self.kind == "joined" and self.rng.random() < 0.5:
            return -self.rng.uniform(0.02, 0.12)
        return self.gap * self.rng.uniform(0.6, 1.4)

    def _digit(self, digit: int) -> np.ndarray:
        rng, size = self.rng, self.height * self.rng.uniform(0.88, 1.1)
        if self.kind == "small zeros" and digit == 0:
            size *= rng.uniform(0.45, 0.7)
        if self.by_strokes:
            cover = drawn_strokes(digit_strokes(digit, rng), rng, size, self.pen, self.slant, rng.uniform(0.5, 0.75))
        else:
            choices = np.flatnonzero(self.labels == digit)
            cover = enlarged(self.images[choices[rng.integers(len(choices))]], size, self.thicker)
        if self.kind == "broken" and rng.random() < 0.5:
            y = int(rng.uniform(0.2, 0.8) * cover.shape[0])
            cover = cover.copy()
            cover[y : y + max(1, round(0.04 * size))] = 0
        return cover

    def _sign(self, x: float, base: float, placed: list, texts: list, row: int) -> float:
        name = list(SIGNS)[self.rng.integers(len(SIGNS))]
        cover = drawn_strokes(strokes_of(SIGNS[name]), self.rng, self.height, self.pen, self.slant)
        drop = {",": 0.85, ".": 0.92, "-": 0.5, "=": 0.4, "~": 0.45, "+": 0.25, "^": 0.0}.get(name, 0.0)
        placed.append((cover, x, base + drop * self.height))
        texts.append(("", row))
        return x + cover.shape[1] + self.height * self.gap

    def _cut(self, ink: np.ndarray, rows: list) -> tuple[np.ndarray, list]:
        """Let the border cut the first digit, by an eighth of it at most."""
        left, _, right, _ = rows[0][0][1]
        start = int(left + 0.12 * (right - left))
        return ink[:, start:], [[(d, (max(0, b[0] - start), b[1], b[2] - start, b[3])) for d, b in row] for row in rows]

    def _on_paper(self, ink: np.ndarray, rows: list) -> np.ndarray:
        """Lay ink on paper: float32 of shape (height, width, 3), 0 to 1."""
        rng, kind = self.rng, self.kind
        height, width = ink.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        paper = np.full(3, rng.uniform(0.75, 0.97)) * rng.uniform(0.95, 1, 3)
        if kind == "coloured":
            paper = rng.uniform(0.45, 0.95, 3)
        strength = rng.uniform(0.15, 0.35) if kind == "pencil" else rng.uniform(0.6, 0.95)
        tint = np.array([1, 1, 1]) if rng.random() < 0.6 else np.array([1.0, 0.9, 0.55])
        page = np.broadcast_to(paper.astype(np.float32), (height, width, 3)).copy()
        lines = self._rulings(x, y, rows)
        if lines is not None:
            page *= 1 - lines[..., None] * (np.array([0.9, 0.8, 0.5]) if rng.random() < 0.5 else 1)
        grain = rng.normal(0, 1, ink.shape).astype(np.float32)
        cover = ink * np.clip(1 + (0.3 if kind == "pencil" else 0.05) * grain, 0, 1.2)
        return np.clip(page * (1 - np.clip(strength * cover, 0, 1)[..., None] * tint), 0, 1).astype(np.float32)

    def _rulings(self, x: np.ndarray, y: np.ndarray, rows: list) -> np.ndarray | None:
        """Rule the paper: how much of its light lines take away, or None."""
        rng, h, kind = self.rng, self.height, self.kind
        tilt = rng.normal(0, 0.004)
        if kind == "ruled":
            step, thick = h * rng.uniform(0.9, 1.8), max(1.0, 0.35 * self.pen)
            return rng.uniform(0.15, 0.4) * (np.mod(y + tilt * x - rng.uniform(0, step), step) < thick)
        if kind == "squared":
            step, thick = max(7.0, h * rng.uniform(0.3, 0.9)), max(1.0, 0.25 * self.pen)
            start = rng.uniform(0, step, 2)
            crossed = (np.mod(y + tilt * x - start[0], step) < thick) | (np.mod(x - tilt * y - start[1], step) < thick)
            return rng.uniform(0.1, 0.35) * crossed
        if kind == "thick ruling":
            bottom = max(box[3] for row in rows for _, box in row)
            slope = rng.normal(self.tilt, 0.02)
            start = bottom + 0.08 * h - slope * x.shape[1] / 2
            return 0.8 * (abs(y - start - slope * x) < max(0.7, 0.5 * self.pen))
        if kind == "table":
            pitch, spacing = self.cell
            left, top = min(box[0] for row in rows for _, box in row), min(box[1] for row in rows for _, box in row)
            thick, first = max(1.0, 0.4 * self.pen), 0.45 * h
            column, line = x - left + first, y - top + 0.5 * (spacing - h) - 2
            inside = (column > -thick) & (line > -thick)
            return 0.75 * inside * ((np.mod(column, pitch) < thick) | (np.mod(line, spacing) < thick))
        return None

    def _finished(self, page: np.ndarray, rows: list) -> Page:
        """Put the paper where it lies, light it, and take its picture."""
        rng, kind = self.rng, self.kind
        if kind in ("dark table", "torn", "rim"):
            page, rows = self._on_a_table(page, rows)
        height, width = page.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        a, b, c = rng.uniform(-0.15, 0.15, 3)
        light = 1 + a * x + b * y - abs(c) * (x**2 + y**2)
        if kind == "shadow":
            edge = rng.normal(0, 0.3) + x * rng.normal(0, 1) + y * rng.normal(0, 1)
            light *= 1 - rng.uniform(0.3, 0.55) / (1 + np.exp(-edge / rng.uniform(0.03, 0.2)))
        page = page * light[..., None]
        if kind == "light on dark":
            page = 1 - page
        noise = rng.normal(0, rng.choice([0.004, 0.012, 0.03]), (height, width, 1))
        page = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.3, 0.9)) + noise
        picture = np.rint(255 * np.clip(page, 0, 1)).astype(np.uint8)
        if kind == "turned":
            picture, rows = _turned(picture, rows, int(rng.integers(1, 4)))
        quality = int(rng.integers(12, 30)) if kind == "jpeg" else int(rng.choice([0, 70, 90]))
        return Page(np.ascontiguousarray(picture), rows, kind, quality)

    def _on_a_table(self, page: np.ndarray, rows: list) -> tuple[np.ndarray, list]:
        rng = self.rng
        height, width = page.shape[:2]
        side = max(height, width)
        edge = (0.02 if self.kind == "rim" else 0.18) * side * rng.uniform(0.5, 1, (4, 2))
        new = np.array([width, height]) * (1.04 if self.kind == "rim" else 1.35)
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        places = np.array([[0, 0], [new[0], 0], new, [0, new[1]]]) + edge * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        matrix = cv2.getPerspectiveTransform(corners, places.astype(np.float32))
        size = (int(new[0]), int(new[1]))
        outline = np.ones((height, width), np.float32)
        if self.kind == "torn":
            depth = cv2.GaussianBlur(rng.normal(0, 1, (1, width)).astype(np.float32), (0, 0), 3)[0] * 0.06 * self.height
            outline[np.arange(height)[:, None] < 2 + 0.1 * self.height + depth] = 0
        around = cv2.warpPerspective(outline, matrix, size)[..., None]
        table = rng.uniform(0.05, 0.4) * rng.uniform(0.7, 1, 3)
        grain = cv2.GaussianBlur(rng.normal(0, 1, size[::-1]).astype(np.float32), (0, 0), 6, sigmaY=1)[..., None]
        warped = cv2.warpPerspective(page, matrix, size)
        rows = [[(digit, _warped(box, matrix)) for digit, box in row] for row in rows]
        return warped * around + table * (1 + 0.3 * grain) * (1 - around), rows


def _warped(box: Box, matrix: np.ndarray) -> Box:
    left, top, right, bottom = box
    points = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
    x, y = cv2.perspectiveTransform(points, matrix)[0].T
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _turned(picture: np.ndarray, rows: list, quarters: int) -> tuple[np.ndarray, list]:
    """Turn a page by so many quarters against the clock."""
    turn: Callable[[Box, int, int], Box] = lambda b, width, _: (b[1], width - b[2], b[3], width - b[0])  # noqa: E731
    for _ in range(quarters):
        height, width = picture.shape[:2]
        picture = np.rot90(picture)
        rows = [[(digit, turn(box, width, height)) for digit, box in row] for row in rows]
    return picture, rows
