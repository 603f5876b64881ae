"""Digits that touch: where a piece of ink may be cut into several."""

import cv2
import numpy as np

# Cuts that are tried on a piece, at most, and their least distance from each other in heights: of 20 and 0.08, 30 and
# 0.05, 40 and 0.06, and 60 and 0.05 those with which most joined development pages (`benchmarks/reading.py`) are exact.
MOST_CUTS, APART = 40, 0.06
# What a step to the side costs a cut, in pixels of ink that it goes through.
ASIDE = 3.0
# Pieces are reduced to so many pixels of height before cuts are looked for.
FINE = 48


def cuts_of(mask: np.ndarray, height: float) -> list[np.ndarray]:
    """Find ways through a piece from its top to its bottom that go through little ink.

    Parameters
    ----------
    mask : array
        bool of shape (rows, columns).
    height : float
        Of a usual digit, in pixels.

    Returns
    -------
    list of array
        From left to right; of each, the column at every row, integers of shape (rows,).
    """
    factor = min(1.0, FINE / mask.shape[0])
    size = max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor))
    ink = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    n_rows, n_columns = ink.shape
    usual = height * factor
    least = max(1, round(0.2 * usual))
    if n_columns < 2 * least + 1:
        return []
    # The cheapest way to each pixel from the top.
    cost, came = ink[0].copy(), np.zeros(ink.shape, np.int8)
    for row in range(1, n_rows):
        left = np.concatenate([[np.inf], cost[:-1]]) + ASIDE
        right = np.concatenate([cost[1:], [np.inf]]) + ASIDE
        steps = np.stack([cost, left, right])
        best = steps.argmin(0)
        came[row] = np.array([0, -1, 1], np.int8)[best]
        cost = ink[row] + steps[best, np.arange(n_columns)]
    ends = [column for column in np.argsort(cost, kind="stable") if least <= column < n_columns - least]
    chosen: list[np.ndarray] = []
    for end in ends:
        if len(chosen) == MOST_CUTS:
            break
        way = np.empty(n_rows, np.int64)
        way[-1] = end
        for row in range(n_rows - 1, 0, -1):
            way[row - 1] = way[row] + came[row, way[row]]
        if all(abs(way - other).mean() >= APART * usual for other in chosen):
            chosen.append(way)
    rows = np.minimum((np.arange(mask.shape[0]) * factor).astype(int), n_rows - 1)
    ways = [np.rint((way[rows] + 0.5) / factor).astype(np.int64) for way in chosen]
    return sorted(ways, key=lambda way: float(way.mean()))


def part_of(mask: np.ndarray, left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray:
    """Give the part of a piece between two cuts, or between a cut and its side (None): bool of the same shape."""
    columns = np.arange(mask.shape[1])[None]
    part = mask.copy()
    if left is not None:
        part &= columns >= left[:, None]
    if right is not None:
        part &= columns < right[:, None]
    return part
