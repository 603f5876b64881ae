"""Drawn examples of digits and of what is none, in the form that a network takes."""

from collections.abc import Callable

import cv2
import numpy as np

from digitrec.reading.form import box_of, to_form
from digitrec.reading.ink import WEAK
from digitrec.reading.pages import FONTS, enlarged
from digitrec.reading.strokes import SIGNS, digit_strokes, drawn_strokes, scribble, strokes_of
from digitrec.spec import ImageSpec

# Letters of OpenCV's typefaces but those that look like a digit in some hand.
LETTERS = "ACEFGHJKLMNPRTUVWXYacdefhkmnprtuvwx&@"
# Digits that are none when they lie on their side, and those of which a half is none.
LYING, HALVES = (2, 3, 4, 5, 7), (2, 3, 5, 6)
# Those that are none in a mirror, those that are none upside down, and those that another stroke makes a sign.
MIRRORED, OVERTURNED, STRUCK = (2, 3, 4, 6, 7, 9), (3, 4, 7), (0, 2, 3, 5, 6, 8, 9)
Draw = Callable[["Examples"], np.ndarray]


class Examples:
    """Draws examples.

    Parameters
    ----------
    images : array
        uint8 of shape (n, 28, 28), MNIST's training digits.
    labels : array
        Integers of shape (n,).
    image : ImageSpec
        The form wanted.
    seed : int
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, image: ImageSpec, seed: int):
        self.images, self.image = images, image
        self.rows = [np.flatnonzero(labels == digit) for digit in range(10)]
        self.rng = np.random.default_rng(seed)

    def digits(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw digits: half of them MNIST's, as if found on a page, half by strokes, uint8 (n, 28, 28), and labels."""
        labels = self.rng.integers(10, size=n)
        covers = (self._found(label) if k % 2 else self._by_strokes(label) for k, label in enumerate(labels))
        return np.stack([self._form(cover) for cover in covers]), labels

    def others(self, n: int) -> np.ndarray:
        """Draw what is no digit, every kind in turn: uint8 of shape (n, 28, 28)."""
        kinds = list(KINDS.values())
        return np.stack([self._form(kinds[k % len(kinds)](self)) for k in range(n)])

    def of_kind(self, kind: str, n: int) -> np.ndarray:
        """Draw what is no digit, of one of KINDS: uint8 of shape (n, 28, 28)."""
        return np.stack([self._form(KINDS[kind](self)) for _ in range(n)])

    def _form(self, cover: np.ndarray) -> np.ndarray:
        """Bring a cover to the form, half of them as blurred, uneven and rough as what is found on photographs."""
        rng = self.rng
        if rng.random() < 0.5:
            cover = np.pad(cover, 2)
            cover = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.3, 0.02 * max(cover.shape) + 0.4))
            cover = cover * rng.uniform(0.7, 1.3) + rng.normal(0, rng.uniform(0, 0.12), cover.shape)
            inside = cv2.dilate((cover > WEAK + 0.1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            cover = np.where(inside, np.clip(cover, 0, 1), 0).astype(np.float32)
            left, top, right, bottom = box_of(cover >= WEAK)
            if right <= left:
                return np.zeros((self.image.height, self.image.width), np.uint8)
            cover = cover[top:bottom, left:right]
        return to_form(cover, self.image)

    def _any(self, digits: tuple[int, ...] = tuple(range(10))) -> int:
        return int(digits[self.rng.integers(len(digits))])

    def _height(self) -> float:
        return float(np.exp(self.rng.uniform(np.log(18), np.log(90))))

    def _found(self, digit: int) -> np.ndarray:
        rows = self.rows[digit]
        return enlarged(self.images[rows[self.rng.integers(len(rows))]], self._height(), self.rng.uniform(-0.9, 1.1))

    def _strokes(self, strokes: list[np.ndarray]) -> np.ndarray:
        height = self._height()
        pen = max(1.0, height * np.exp(self.rng.uniform(np.log(0.03), np.log(0.18))))
        return drawn_strokes(strokes, self.rng, height, pen, self.rng.normal(0.1, 0.14), self.rng.uniform(0.45, 0.9))

    def _by_strokes(self, digit: int) -> np.ndarray:
        return self._strokes(digit_strokes(digit, self.rng))

    def _digit(self, digits: tuple[int, ...] = tuple(range(10))) -> np.ndarray:
        digit = self._any(digits)
        return self._found(digit) if self.rng.random() < 0.75 else self._by_strokes(digit)

    def _letter(self) -> np.ndarray:
        rng, height = self.rng, self._height()
        letter, font = LETTERS[rng.integers(len(LETTERS))], FONTS[rng.integers(len(FONTS))]
        image = np.zeros((160, 160), np.uint8)
        cv2.putText(image, letter, (40, 115), font, 3.2, 255, int(rng.integers(2, 16)), cv2.LINE_AA)
        turn, slant, squeeze = rng.normal(0, 0.12), rng.normal(0.05, 0.18), rng.uniform(0.7, 1.2)
        matrix = np.array([[squeeze, -slant, 0], [turn, 1, 0]], np.float32)
        matrix[:, 2] = 80 - matrix[:, :2] @ [80, 80]
        return _cut(cv2.warpAffine(image, matrix, (160, 160)), height)

    def _sign(self) -> np.ndarray:
        names = list(SIGNS)
        return self._strokes(strokes_of(SIGNS[names[self.rng.integers(len(names))]]))

    def _scribble(self) -> np.ndarray:
        return self._strokes(scribble(self.rng))

    def _joined(self) -> np.ndarray:
        """Two or three digits side by side that touch."""
        rng, first = self.rng, self._digit()
        for _ in range(1 + (rng.random() < 0.2)):
            second = self._digit()
            height = first.shape[0]
            size = max(2, round(second.shape[1] * height / second.shape[0])), height
            second = cv2.resize(second, size, interpolation=cv2.INTER_AREA)
            shift = round(height * rng.normal(0, 0.1))
            first = _beside(first, second, round(min(first.shape[1], size[0]) * rng.uniform(0.02, 0.3)), shift)
        return first

    def _half(self) -> np.ndarray:
        """The left or the right part of a digit, as where one is cut in two."""
        digit = self._digit(HALVES)
        share = self.rng.uniform(0.35, 0.55)
        width = max(2, round(digit.shape[1] * share))
        part = digit[:, :width] if self.rng.random() < 0.5 else digit[:, -width:]
        # What is as narrow as a stroke may be a one.
        return part if part.shape[1] > 0.25 * part.shape[0] else self._joined()

    def _with_a_part(self) -> np.ndarray:
        """A digit and a large part of its neighbour."""
        first, second = self._digit(), self._digit(HALVES)
        height = first.shape[0]
        size = max(4, round(second.shape[1] * height / second.shape[0])), height
        second = cv2.resize(second, size, interpolation=cv2.INTER_AREA)
        width = max(2, round(size[0] * self.rng.uniform(0.45, 0.75)))
        gap = round(height * self.rng.uniform(-0.08, 0.12))
        if self.rng.random() < 0.5:
            return _beside(first, second[:, :width], -gap, 0)
        return _beside(second[:, -width:], first, -gap, 0)

    def _stacked(self) -> np.ndarray:
        """One digit over another, as where two rows touch."""
        first, second = self._digit(), self._digit()
        return _beside(first.T, second.T, round(first.shape[0] * self.rng.uniform(0, 0.15)), 0).T

    def _lying(self) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(self._digit(LYING), self.rng.choice([1, 3])))

    def _mirrored(self) -> np.ndarray:
        if self.rng.random() < 0.25:
            return np.ascontiguousarray(np.rot90(self._digit(OVERTURNED), 2))
        return np.ascontiguousarray(self._digit(MIRRORED)[:, ::-1])

    def _struck(self) -> np.ndarray:
        """A digit with a stroke more: crossed out, with an accent, or as letters have it."""
        rng, digit = self.rng, self._digit(STRUCK)
        height, width = digit.shape
        side = int(1.5 * max(height, width))
        page = np.zeros((side, side), np.float32)
        top, left = (side - height) // 2, (side - width) // 2
        page[top : top + height, left : left + width] = digit
        middle = rng.uniform([left, top - 0.1 * height], [left + width, top + 1.1 * height])
        angle, length = rng.uniform(0, np.pi), rng.uniform(0.5, 0.9) * height
        ends = middle + np.outer([-length, length], [np.cos(angle), np.sin(angle)])
        pen = max(1, round(height * rng.uniform(0.05, 0.13)))
        line = np.zeros(page.shape, np.uint8)
        cv2.polylines(line, [np.rint(ends * 16).astype(np.int32)], False, 255, pen, cv2.LINE_AA, shift=4)
        page = np.maximum(page, line.astype(np.float32) / 255)
        left, top, right, bottom = box_of(page > 0.25)
        return page[top:bottom, left:right]

    def _blot(self) -> np.ndarray:
        """A spot, a bar, a frame or a piece of noise."""
        rng, side = self.rng, int(self._height()) + 8
        image = np.zeros((side, side), np.uint8)
        kind = rng.integers(4)
        if kind == 0:
            axes = rng.uniform(0.15, 0.45, 2) * side
            cv2.ellipse(
                image, (side // 2, side // 2), (int(axes[0]), int(axes[1])), rng.uniform(0, 180), 0, 360, 255, -1
            )
        elif kind == 1:
            points = rng.uniform(0, side, (int(rng.integers(3, 7)), 2)).astype(np.int32)
            cv2.fillPoly(image, [points], 255)
        elif kind == 2:
            thick = max(1, int(side * rng.uniform(0.03, 0.12)))
            n_lines = rng.integers(2, 5)
            for k in range(n_lines):
                place = int(side * (k + 0.5) / n_lines)
                cv2.line(image, (0, place), (side, place), 255, thick)
                cv2.line(image, (place, 0), (place, side), 255, thick)
        else:
            noise = cv2.GaussianBlur(
                rng.normal(0, 1, image.shape).astype(np.float32), (0, 0), rng.uniform(0.6, 0.12 * side)
            )
            image[noise > np.quantile(noise, rng.uniform(0.5, 0.85))] = 255
        return _cut(image, side)

    def _dash(self) -> np.ndarray:
        """A level or a falling stroke, straight or bent."""
        rng = self.rng
        angle = np.deg2rad(rng.choice([rng.uniform(-30, 30), rng.uniform(25, 65)]))
        ends = np.outer([-0.5, 0, 0.5], [np.cos(angle), np.sin(angle)])
        ends[1] += rng.normal(0, 0.06, 2)
        return self._strokes([0.5 + ends])


def draw_examples(
    images: np.ndarray, labels: np.ndarray, image: ImageSpec, seed: int, n_digits: int, n_others: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw digits, uint8 (n_digits, 28, 28), with their labels, and what is no digit; for processes side by side."""
    draw = Examples(images, labels, image, seed)
    return *draw.digits(n_digits), draw.others(n_others)


KINDS: dict[str, Draw] = {
    "letters": Examples._letter,
    "signs": Examples._sign,
    "scribbles": Examples._scribble,
    "joined digits": Examples._joined,
    "more scribbles": Examples._scribble,
    "halves of digits": Examples._half,
    "digits and a part": Examples._with_a_part,
    "more letters": Examples._letter,
    "still more scribbles": Examples._scribble,
    "digits one over another": Examples._stacked,
    "lying digits": Examples._lying,
    "mirrored digits": Examples._mirrored,
    "digits with a stroke more": Examples._struck,
    "blots": Examples._blot,
    "dashes": Examples._dash,
}


def _cut(image: np.ndarray, height: float) -> np.ndarray:
    """Cut to what is drawn and bring to a height: float32 from 0 to 1."""
    left, top, width, tall = cv2.boundingRect((image > 64).astype(np.uint8))
    part = image[top : top + max(1, tall), left : left + max(1, width)]
    factor = height / max(part.shape)
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _beside(first: np.ndarray, second: np.ndarray, overlap: int, shift: int) -> np.ndarray:
    """Put a cover to the right of another, overlapping by so many columns and so many rows lower."""
    overlap = min(overlap, first.shape[1], second.shape[1])
    height = max(first.shape[0], second.shape[0]) + abs(shift)
    whole = np.zeros((height, first.shape[1] + second.shape[1] - overlap), np.float32)
    whole[max(0, -shift) :][: first.shape[0], : first.shape[1]] = first
    part = whole[max(0, shift) :][: second.shape[0], first.shape[1] - overlap :]
    np.maximum(part, second, out=part)
    return whole
