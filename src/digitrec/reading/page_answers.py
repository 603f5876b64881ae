"""What stands on pages, in words: rows of digits as text, as numbers and boxes, as a table, and drawn over the page."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from digitrec.reading.answers import Network, answer, nothing_found
from digitrec.reading.decoding import ImageError, decode
from digitrec.reading.marks import Mark, Reading
from digitrec.reading.reader import read_page

# Digits further apart than so many of their heights stand in two columns of a table.
COLUMN_GAP = 1.0
# Red, green, blue: what is sure, unsure, and no digit.
SURE, UNSURE, OTHER = (20, 130, 60), (200, 110, 0), (190, 40, 40)


def page_of(reading: Reading, network: Network) -> dict[str, Any]:
    """Put what was read into words.

    Returns
    -------
    dict
        text (a line for each row, unsure digits as ?), rows (of digits, each with box, best, probability, second,
        second_probability and, where it is so, unsure), others (boxes of what is no digit), turned (degrees by which
        the page was turned against the clock to be read) and reason (None, or why there are no rows).
    """
    rows = [[_digit(mark, network) for mark in row] for row in reading.rows]
    return {
        "text": [_text(row) for row in rows],
        "rows": rows,
        "others": [list(mark.box) for mark in (*reading.others, *reading.apart)],
        "turned": reading.turned,
        "reason": None if rows else nothing_found(network.image),
    }


def _digit(mark: Mark, network: Network) -> dict[str, Any]:
    found = answer(mark.probabilities, network.image.classes, network.threshold)
    digit: dict[str, Any] = {"box": list(mark.box)}
    digit |= {key: found[key] for key in ("best", "probability", "second", "second_probability")}
    return digit | ({"unsure": True} if found["label"] is None else {})


def _text(digits: Sequence[dict[str, Any]]) -> str:
    return "".join("?" if "unsure" in digit else digit["best"] for digit in digits)


def read_pages(
    network: Network, images: Iterable[tuple[str, bytes | ImageError]]
) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """Read image files.

    Parameters
    ----------
    network : Network
    images : iterable of (str, bytes or ImageError)
        Name and content; an error in place of the content is passed on.

    Yields
    ------
    dict
        file and what `page_of` gives, and error: true where the file could not be read, which is then the reason.
    array or None
        The page, uint8 of shape (height, width), as it was read.
    """
    for name, content in images:
        try:
            if isinstance(content, ImageError):
                raise content
            grey = decode(content, name)
        except ImageError as error:
            empty = page_of(Reading(), network) | {"reason": str(error)}
            yield {"file": name} | empty | {"error": True}, None
        else:
            yield {"file": name} | page_of(read_page(grey, network), network) | {"error": False}, grey


def table_of(rows: Sequence[Sequence[dict[str, Any]]], turned: float = 0.0) -> list[list[str]]:
    """Sort digits into a table's cells, by the gaps between them.

    Parameters
    ----------
    rows : sequence of sequence of dict
        As `page_of` gives them.
    turned : float
        As `page_of` gives it: boxes are those of the page before it was turned.

    Returns
    -------
    list of list of str
        A row for each row, as many cells in each, '' where there is nothing; unsure digits as ?.
    """
    upright = [[digit | {"box": _upright(digit["box"], turned)} for digit in row] for row in rows]
    cells = [cell for number, row in enumerate(upright) for cell in _cells(number, row)]
    # What overlaps across, in whichever rows, is one column.
    edges: list[list[float]] = []
    for left, right in sorted((left, right) for _, left, right, _ in cells):
        if edges and left < edges[-1][1]:
            edges[-1][1] = max(edges[-1][1], right)
        else:
            edges.append([left, right])
    table = [[""] * len(edges) for _ in rows]
    for number, left, _, text in cells:
        column = next(k for k, edge in enumerate(edges) if edge[0] <= left < edge[1])
        # Two cells of one row in a column that another row's long cell makes one.
        table[number][column] += (" " if table[number][column] else "") + text
    return table


def _upright(box: Sequence[int], turned: float) -> tuple[int, ...]:
    """Turn a box about the origin, by the quarters nearest to so many degrees against the clock."""
    left, top, right, bottom = box
    for _ in range(round(turned / 90) % 4):
        left, top, right, bottom = top, -right, bottom, -left
    return left, top, right, bottom


def _cells(number: int, row: Sequence[dict[str, Any]]) -> Iterator[tuple[int, float, float, str]]:
    """Give a row's groups of digits: its number, left, right and text of each."""
    if not row:
        return
    height = float(np.median([digit["box"][3] - digit["box"][1] for digit in row]))
    group: list[dict[str, Any]] = []
    for digit in row:
        if group and digit["box"][0] - group[-1]["box"][2] > COLUMN_GAP * height:
            yield _cell(number, group)
            group = []
        group.append(digit)
    yield _cell(number, group)


def _cell(number: int, group: Sequence[dict[str, Any]]) -> tuple[int, float, float, str]:
    return number, group[0]["box"][0], max(digit["box"][2] for digit in group), _text(group)


def drawn_over(grey: np.ndarray, page: dict[str, Any]) -> np.ndarray:
    """Draw boxes and answers over a page: uint8 of shape (height, width, 3), red, green, blue."""
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    thick = max(1, round(max(grey.shape) / 900))
    for left, top, right, bottom in page["others"]:
        cv2.rectangle(picture, (left, top), (right, bottom), OTHER, thick)
    for digit in (digit for row in page["rows"] for digit in row):
        left, top, right, bottom = digit["box"]
        colour = UNSURE if "unsure" in digit else SURE
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thick)
        text = digit["best"] + ("?" if "unsure" in digit else "")
        size = max(0.35, (bottom - top) / 60)
        place = left, max(round(20 * size), top - 2 * thick)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick + (size > 0.8), cv2.LINE_AA)
    return picture


def save_drawn(grey: np.ndarray, page: dict[str, Any], path: Path) -> None:
    """Write what `drawn_over` gives as PNG.

    Raises
    ------
    ImageError
        When the file cannot be written.
    """
    _, content = cv2.imencode(".png", drawn_over(grey, page)[..., ::-1])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
    except OSError as error:
        raise ImageError(f"{path}: cannot be written: {error.strerror}") from error
