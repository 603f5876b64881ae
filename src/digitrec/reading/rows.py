"""Rows of a page: which boxes stand side by side, however the rows slant, wave or are parted by gaps."""

import numpy as np

# Slopes that rows may have, y to x, and the share of a pair's weight that a slope of 1 costs.
SLOPES = np.linspace(-0.9, 0.9, 73)
PRIOR = 0.7
# Boxes by which the slope is found, and those within so many heights to the right of each that are looked at.
SAMPLE, REACH = 250, 5.0
# How far, in heights, a box may lie off the place where the one to its left leads.
OFF = 0.55


def slope_of(boxes: np.ndarray, height: float) -> float:
    """Find the slope at which most boxes have a neighbour.

    Parameters
    ----------
    boxes : array
        Floats of shape (n, 4): left, top, right, bottom.
    height : float
        Of a usual box, in pixels.

    Returns
    -------
    float
        y to x; 0 for fewer than two boxes.
    """
    step = max(1, len(boxes) // SAMPLE)
    middles = (boxes[::step, :2] + boxes[::step, 2:]) / 2
    across, down = (middles[None, :, axis] - middles[:, None, axis] for axis in (0, 1))
    pairs = (across > 0.3 * height) & (across < REACH * height * step) & (abs(down) < across + 0.3 * height)
    if not pairs.any():
        return 0.0
    across, down = across[pairs], down[pairs]
    off = (down - SLOPES[:, None] * across) / (0.22 * height)
    score = (np.exp(-(off**2)) * (height / across) ** 0.5).sum(1) * (1 - PRIOR * abs(SLOPES))
    return float(SLOPES[int(score.argmax())])


def rows_of(boxes: np.ndarray, height: float) -> list[list[int]]:
    """Group boxes into rows.

    Parameters
    ----------
    boxes : array
        Floats of shape (n, 4): left, top, right, bottom.
    height : float
        Of a usual box, in pixels.

    Returns
    -------
    list of list of int
        Numbers of boxes: rows from top to bottom, boxes from left to right.
    """
    if not len(boxes):
        return []
    slope = slope_of(boxes, height)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    # As if the rows were level.
    x, y = middles[:, 0], middles[:, 1] - slope * middles[:, 0]
    chains = _merged(_chains(boxes, x, y, height), x, y, height)
    chains.sort(key=lambda chain: float(np.median(y[chain])))
    return chains


def _chains(boxes: np.ndarray, x: np.ndarray, y: np.ndarray, height: float) -> list[list[int]]:
    """Link each box to the nearest one to its right, each to one at most; parts of rows come of it."""
    order = np.argsort(x, kind="stable")
    following, taken = {}, set()
    links = []
    xs = x[order]
    for place, number in enumerate(order):
        stop = np.searchsorted(xs, x[number] + REACH * height, "right")
        others = order[place + 1 : stop]
        off = abs(y[others] - y[number])
        tolerance = OFF * np.minimum(height, 1.2 * (boxes[others, 3] - boxes[others, 1]) + 0.4 * height)
        near = others[off <= tolerance]
        if near.size:
            distance = x[near] - x[number] + 2 * abs(y[near] - y[number])
            # The two nearest: the nearest may be nearer to another.
            links += [(float(distance[k]), int(number), int(near[k])) for k in np.argsort(distance)[:2]]
    for _, left, right in sorted(links):
        if left not in following and right not in taken:
            following[left] = right
            taken.add(right)
    chains = []
    for start in (int(number) for number in order if int(number) not in taken):
        chain = [start]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append(chain)
    return chains


def _merged(chains: list[list[int]], x: np.ndarray, y: np.ndarray, height: float) -> list[list[int]]:
    """Join chains that lie in one row, from the largest on."""
    rows: list[list[int]] = []
    # How far each row reaches down the page: of most it is clear from that alone that a chain is none of theirs.
    reach: list[tuple[float, float]] = []
    for chain in sorted(chains, key=len, reverse=True):
        best, least = None, np.inf
        low, high = float(y[chain].min()) - 0.6 * height, float(y[chain].max()) + 0.6 * height
        for row in (row for row, (top, bottom) in zip(rows, reach, strict=True) if top <= high and bottom >= low):
            off = _off(row, chain, x, y, height)
            if off < least:
                best, least = row, off
        if best is not None and least < 0.6:
            best += chain
            best.sort(key=lambda number: x[number])
            number = next(k for k, row in enumerate(rows) if row is best)
            reach[number] = float(y[best].min()), float(y[best].max())
        else:
            rows.append(sorted(chain, key=lambda number: x[number]))
            reach.append((float(y[chain].min()), float(y[chain].max())))
    return rows


def _off(row: list[int], chain: list[int], x: np.ndarray, y: np.ndarray, height: float) -> float:
    """Tell how far a chain lies off a row, in heights: where both are nearest to each other."""
    row_x, row_y = x[row], y[row]
    apart = abs(x[chain][:, None] - row_x[None])
    which, near = np.unravel_index(int(apart.argmin()), apart.shape)
    # The nearest members of both say where they go on; one alone may lie off.
    sides = []
    for xs, ys, place in ((row_x, row_y, x[chain[which]]), (x[chain], y[chain], row_x[near])):
        nearest = np.argsort(abs(xs - place))[:3]
        sides.append(float(np.average(ys[nearest], weights=1 / (abs(xs[nearest] - place) + height))))
    off = abs(sides[0] - sides[1]) / height
    # Two boxes at the same place across are one over the other, in two rows, unless one is a mere part.
    return off if apart[which, near] > 0.25 * height else off + 0.25
