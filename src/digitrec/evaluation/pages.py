"""How well pages are read: on pages that are composed, of which the truth is known."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from digitrec.evaluation.scores import wilson_interval
from digitrec.reading.decoding import decode
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.marks import Reading
from digitrec.reading.page_answers import drawn_over, page_of
from digitrec.reading.pages import KINDS, Page, compose
from digitrec.reading.reader import read_page


def common(a: Sequence, b: Sequence, weight: Any = lambda x, y: int(x == y)) -> int:
    """Give the most that two sequences have in common in this order: of elements, or of what `weight` says of two."""
    best = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            best[i, j] = max(best[i - 1, j], best[i, j - 1], best[i - 1, j - 1] + weight(x, y))
    return int(best[-1, -1])


def page_score(true: Sequence[str], found: Sequence[str]) -> dict[str, int]:
    """Compare a page's rows with those that were read.

    Returns
    -------
    dict
        digits (on the page), right (read in their order, rows in theirs), extra (read beside these) and exact (1 where
        all rows are alike).
    """
    right = common(true, found, common)
    digits, read = sum(map(len, true)), sum(map(len, found))
    return {"digits": digits, "right": right, "extra": read - right, "exact": int(list(true) == list(found))}


def best_text(reading: Reading, classes: Sequence[str]) -> list[str]:
    """Give the most probable digits of each row."""
    return ["".join(classes[int(mark.probabilities.argmax())] for mark in row) for row in reading.rows]


def score_pages(
    network: ExportedNetwork, images: np.ndarray, labels: np.ndarray, seeds: range
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Compose pages and read them.

    Parameters
    ----------
    network : ExportedNetwork
    images, labels : array
        Digits to compose pages from: uint8 of shape (n, 28, 28) and integers of shape (n,).
    seeds : range
        Of the pages, one each.

    Returns
    -------
    rows : list of dict
        Of each page: seed, kind, and what `page_score` gives.
    pictures : dict of str to array
        By kind, the first page with what was read drawn over it: uint8 of shape (height, width, 3).
    """
    rows, pictures = [], {}
    for seed in seeds:
        page = compose(images, labels, seed)
        grey = decode(saved(page), f"page {seed}")
        reading = read_page(grey, network)
        rows.append({"seed": seed, "kind": page.kind} | page_score(page.text, best_text(reading, network.classes)))
        if page.kind not in pictures:
            pictures[page.kind] = drawn_over(grey, page_of(reading, network))
    return rows, pictures


def saved(page: Page) -> bytes:
    """Save a page as a camera or a scanner would."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, page.quality] if page.quality else []
    _, content = cv2.imencode(".jpg" if page.quality else ".png", page.picture[..., ::-1], settings)
    return content.tobytes()


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add pages up: digits, right, extra, pages and exact, of all and by kind, with 95 % intervals of the whole."""
    counts = {kind: _added([row for row in rows if row["kind"] == kind]) for kind in KINDS}
    whole = _added(rows)
    return whole | {
        "right_ci95": wilson_interval(whole["right"], whole["digits"]),
        "exact_ci95": wilson_interval(whole["exact"], whole["pages"]),
        "kinds": {kind: count for kind, count in counts.items() if count["pages"]},
    }


def _added(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {"pages": len(rows)} | {key: sum(row[key] for row in rows) for key in ("exact", "digits", "right", "extra")}
