"""Pages that are drawn for these tests, read with the committed network."""

from functools import cache

import cv2
import numpy as np
import pytest

from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.marks import Reading
from digitrec.reading.reader import count_digits, read_page
from tests.conftest import ROOT
from tests.drawing import ink_of

PEN, HEIGHT = 5, 44


@cache
def network() -> ExportedNetwork:
    return ExportedNetwork(ROOT / "src/digitrec/pretrained")


def digit(number: int, seed: int, height: float = HEIGHT, pen: float = PEN) -> np.ndarray:
    """A digit's cover, cut to it."""
    cover = ink_of(number, np.random.default_rng(seed), height, pen, (int(1.4 * height), int(1.4 * height)))
    left, top, width, tall = cv2.boundingRect((cover > 0.3).astype(np.uint8))
    return cover[top : top + tall, left : left + width]


def cover_of(
    rows: list[str], slope: float = 0, gap: int = 18, spacing: int = 90, pen: float = PEN, height: float = HEIGHT
) -> np.ndarray:
    """Rows of digits; a space is a wide gap, o a small zero."""
    longest = max(map(len, rows))
    page = np.zeros((spacing * len(rows) + 60 + int(abs(slope) * 62 * longest), 66 * longest + 80), np.float32)
    for row, text in enumerate(rows):
        x = 30
        for place, letter in enumerate(text):
            if letter == " ":
                x += 60
                continue
            small = letter == "o"
            cover = digit(0 if small else int(letter), 7 * row + place, height * (0.5 if small else 1), pen)
            y = int(20 + spacing * row + slope * x + (height - cover.shape[0] + 10) + max(0, -slope) * 62 * longest)
            part = page[y : y + cover.shape[0], x : x + cover.shape[1]]
            np.maximum(part, cover[: part.shape[0], : part.shape[1]], out=part)
            x += cover.shape[1] + gap
    return page


def paper(cover: np.ndarray, page: float = 235, ink: float = 40, noise: float = 2) -> np.ndarray:
    grey = page * (1 - cover) + ink * cover + np.random.default_rng(0).normal(0, noise, cover.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def text(reading: Reading) -> list[str]:
    classes = network().classes
    return ["".join(classes[int(mark.probabilities.argmax())] for mark in row) for row in reading.rows]


def read(grey: np.ndarray) -> list[str]:
    return text(read_page(grey, network()))


ROWS = ["2503", "7746", "3852"]


def test_rows_are_read_from_top_to_bottom() -> None:
    reading = read_page(paper(cover_of(ROWS)), network())
    assert text(reading) == ROWS
    lefts = [[mark.box[0] for mark in row] for row in reading.rows]
    assert lefts == [sorted(row) for row in lefts]
    tops = [np.mean([mark.box[1] for mark in row]) for row in reading.rows]
    assert tops == sorted(tops)


@pytest.mark.parametrize("slope", [-0.2, 0.2])
def test_rows_may_slant(slope: float) -> None:
    assert read(paper(cover_of(ROWS, slope))) == ROWS


def test_two_groups_and_small_zeros_are_in_one_row() -> None:
    assert read(paper(cover_of(["253 746", "35o 8oo"]))) == ["253746", "350800"]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_may_be_turned(quarters: int) -> None:
    grey = np.rot90(paper(cover_of(ROWS)), quarters)
    reading = read_page(np.ascontiguousarray(grey), network())
    assert text(reading) == ROWS
    # Boxes are those of the picture as it was given.
    for mark in reading.digits:
        left, top, right, bottom = mark.box
        assert (grey[top:bottom, left:right] < 128).any()


@pytest.mark.parametrize(
    "light",
    [
        lambda y, x: 0.45 + 0.55 * x,
        lambda y, x: 1 - 0.5 / (1 + np.exp(-40 * (x + 0.3 * y - 0.6))),
        lambda y, x: 1 - 0.5 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    ],
)
def test_light_may_be_uneven(light) -> None:
    grey = paper(cover_of(ROWS)).astype(np.float32)
    y, x = np.mgrid[0 : 1 : grey.shape[0] * 1j, 0 : 1 : grey.shape[1] * 1j]
    assert read((grey * light(y, x)).astype(np.uint8)) == ROWS


def test_light_ink_on_dark_paper_and_faint_pencil_are_read() -> None:
    cover = cover_of(ROWS)
    assert read(255 - paper(cover)) == ROWS
    assert read(paper(cover, 220, 180, 1)) == ROWS


def test_a_sheet_on_a_dark_table_and_a_rim_are_no_ink() -> None:
    grey = paper(cover_of(ROWS))
    assert read(cv2.copyMakeBorder(grey, 40, 60, 50, 30, cv2.BORDER_CONSTANT, value=50)) == ROWS
    rim = grey.copy()
    rim[:, :7] = 60
    rim[-5:] = 60
    assert read(rim) == ROWS


def test_lines_of_tables_and_rulings_are_no_digits() -> None:
    ruled = paper(cover_of(ROWS))
    ruled[80::90] = np.minimum(ruled[80::90], 150)
    assert read(ruled) == ROWS
    table = paper(cover_of(["25 03", "77 46"], spacing=100))
    for y in (10, 110, 210):
        table[y : y + 2, 8:-8] = 60
    for x in (8, 160, table.shape[1] - 10):
        table[10:211, x : x + 2] = 60
    assert read(table) == ["2503", "7746"]


def test_digits_that_touch_are_cut() -> None:
    first, second = digit(2, 0), digit(5, 1)
    height = max(first.shape[0], second.shape[0])
    page = np.zeros((height + 60, 240), np.float32)
    page[30 : 30 + first.shape[0], 40 : 40 + first.shape[1]] = first
    x = 40 + first.shape[1] - 3
    part = page[30 : 30 + second.shape[0], x : x + second.shape[1]]
    np.maximum(part, second, out=part)
    assert read(paper(page)) == ["25"]


def test_a_broken_digit_is_one() -> None:
    cover = cover_of(["5305"])
    cover[45:47] = 0
    assert read(paper(cover)) == ["5305"]


def test_a_digit_in_two_parts_one_over_the_other_is_one_before_rows_are_told() -> None:
    # Of the parts alone other digits could be made, in two rows.
    for rows in (["25"], ["2147", "6119"]):
        cover = cover_of(rows)
        cover[44:48] = 0
        assert read(paper(cover)) == rows


def strokes(page: np.ndarray, lines: list[list[tuple[int, int]]], x: int, y: int) -> None:
    for line in lines:
        cv2.polylines(page, [np.add(line, [x, y])], False, 1, PEN, cv2.LINE_AA)


def test_a_slash_is_not_cut_in_two() -> None:
    page = np.pad(cover_of(["25 46"]), ((0, 20), (0, 0)))
    strokes(page, [[(38, 0), (0, 64)]], 158, 20)
    assert "11" not in read(paper(page))[0]


def test_letters_that_look_like_ones_where_they_are_cut_are_left_out_with_their_word() -> None:
    page = np.pad(cover_of(["2503"]), ((0, 0), (0, 260)))
    m = [[(0, 44), (2, 0), (20, 40), (38, 0), (40, 44)]]
    k = [[(0, 0), (0, 44)], [(26, 0), (2, 24), (28, 44)]]
    a = [[(0, 44), (16, 0), (32, 44)], [(6, 28), (26, 28)]]
    for number, letter in enumerate((m, k, a)):
        strokes(page, letter, 350 + 52 * number, 26)
    assert read(paper(page)) == ["2503"]


def test_commas_signs_and_words_are_left_out_and_listed() -> None:
    grey = paper(cover_of(["253 746"]))
    cv2.putText(grey, "Name", (20, 140), cv2.FONT_HERSHEY_DUPLEX, 1.4, 40, 3, cv2.LINE_AA)
    cv2.line(grey, (172, 66), (168, 78), 40, 4)
    reading = read_page(grey, network())
    assert text(reading) == ["253746"]
    assert len(reading.others) + len(reading.apart) >= 4


@pytest.mark.parametrize(
    "grey",
    [
        np.full((300, 400), 240, np.uint8),
        np.clip(np.random.default_rng(0).normal(200, 6, (300, 400)), 0, 255).astype(np.uint8),
        np.full((1, 500), 200, np.uint8),
        np.full((1, 1), 0, np.uint8),
    ],
)
def test_a_blank_page_has_no_rows(grey: np.ndarray) -> None:
    assert read_page(grey, network()).rows == []


def test_forty_thousand_specks_and_five_thousand_digits_are_looked_at_in_bounded_work() -> None:
    asked = []

    class Counting:
        image = network().image

        def probabilities(self, images: np.ndarray) -> np.ndarray:
            asked.append(len(images))
            return np.full((len(images), 10), 0.05, np.float32)

    rng = np.random.default_rng(0)
    specks = np.full((1200, 1200), 255, np.uint8)
    for y, x in rng.integers(0, 1190, (40_000, 2)):
        specks[y : y + 2, x : x + 2] = 0
    read_page(specks, Counting())
    assert sum(asked) < 60_000


def test_several_digits_where_one_is_expected_are_counted() -> None:
    assert count_digits(paper(cover_of(["42"])), network()) == 2
    assert count_digits(paper(cover_of(["4"])), network()) == 1
