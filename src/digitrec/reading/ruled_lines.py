"""Ruled and squared paper: its lines are taken away, the strokes that cross them are not."""

import cv2
import numpy as np

from digitrec.reading.ink import MOST_IMAGES, WEAK, pieces_of, stroke_width

# Pixels from border to border from which on a line can be told from a stroke.
SMALLEST = 12
# Shares of the page's side that a line may be as thick as, where there may be several digits and where there is one.
THICK, THIN = 0.1, 0.04
# Fewer than three lines are a digit's own strokes if less than this share of the ink is elsewhere.
ALONE = 0.2
# Lines in one direction that are looked at: squared paper of A4's size has 60.
MOST_LINES = 200


def without_ruled_lines(ink: np.ndarray, several: bool = False) -> np.ndarray:
    """Take a page's ruled lines away: thin, straight, from border to border.

    Parameters
    ----------
    ink : array
        float32 of shape (height, width), 0 to 1.
    several : bool
        Whether the page may hold more than one digit: what goes from border to border is then no digit's own stroke.

    Returns
    -------
    array
        The same without lines, or `ink` itself where they may be a digit's own strokes.
    """
    share = THICK if several else THIN
    most = [max(3, share * side) for side in ink.shape]
    across, n_across, thick_across = _ruled_lines(ink, most[0])
    down, n_down, thick_down = _ruled_lines(np.ascontiguousarray(ink.T), most[1])
    if not n_across and not n_down:
        return ink
    level = np.maximum(across, down.T)
    ruled = level > 0
    # A line beside which there is next to nothing is a one.
    if not several and n_across + n_down < 3:
        size = 2 * int(np.ceil(max(thick_across, thick_down))) + 3
        beside = cv2.dilate(ruled.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
        if (ink[~beside] >= WEAK).sum() < ALONE * (ink >= WEAK).sum():
            return ink
    pieces = pieces_of(np.where(ruled, 0, ink))
    if not pieces:
        return ink
    largest = max(pieces, key=lambda piece: piece.area)
    # In a tight crop a 7's bar or a 1 goes from border to border as well, but is as thick as the rest.
    stroke = stroke_width(largest.mask.astype(np.uint8))
    thickest = max(thick_across, thick_down)
    if not several and thickest > 0.7 * stroke and n_across < 3 and n_down < 3:
        return ink
    if max(largest.height, largest.width) < 6:
        return ink
    # Where a stroke crosses a line, the line's pixels are the stroke's too: they are darker than the line, or close a
    # gap that is as wide as the line.
    kept = (ink >= WEAK) & (~ruled | (ink > 1.4 * level + 0.1))
    size = int(np.ceil(thickest)) + 3
    closed = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8)) > 0
    kept |= closed & ruled & (ink >= WEAK)
    near = cv2.dilate(kept.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(near & (~ruled | kept), ink, 0).astype(np.float32)


def _ruled_lines(ink: np.ndarray, most: float) -> tuple[np.ndarray, int, float]:
    """Find nearly level lines from the left border to the right one, no thicker than `most` pixels.

    Returns
    -------
    array
        float32 of the shape of `ink`: how much ink a line has by itself, 0 outside of all lines.
    int
        Number of lines.
    float
        Thickness of the thickest in pixels.
    """
    mask = (ink >= WEAK).astype(np.uint8)
    height, width = mask.shape
    level, count, thickest = np.zeros_like(ink), 0, 0.0
    if width < SMALLEST:
        return level, count, thickest
    length = max(9, width // 12)
    runs = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    joined = cv2.dilate(runs, np.ones((3, 2 * length + 1), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    x = np.arange(width, dtype=np.float32)
    wide = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_WIDTH] > 0.8 * width)
    # Of stripes there may be more than of lines on paper, and of slanting ones each is in a part of the image's size.
    n_pixels = np.cumsum(stats[wide, cv2.CC_STAT_HEIGHT].astype(np.int64) * width)
    for number in wide[: np.searchsorted(n_pixels, MOST_IMAGES * ink.size, "right")][:MOST_LINES]:
        first = int(stats[number, cv2.CC_STAT_TOP])
        last = first + int(stats[number, cv2.CC_STAT_HEIGHT])
        rows, columns = np.nonzero((labels[first:last] == number) & (runs[first:last] > 0))
        thickness = np.bincount(columns, minlength=width)
        usual = float(np.median(thickness[thickness > 0]))
        if usual > most or (thickness > 0).mean() < 0.5:
            continue
        # A line through the columns where nothing crosses it, twice: the second time without what lies apart.
        alone = thickness[columns] <= usual + 1
        for _ in range(2):
            if alone.sum() < width / 2:
                break
            slope, start = np.polyfit(columns[alone], rows[alone], 1)
            alone = abs(rows - start - slope * columns) <= usual / 2 + 1
        if alone.sum() < width / 2:
            continue
        edge = int(usual) + 2
        part = np.s_[max(0, first - edge) : last + edge]
        y = np.arange(height, dtype=np.float32)[part, None] - first
        inside = abs(y - start - slope * x) <= usual / 2 + 1
        filled = (inside & (mask[part] > 0)).any(0)
        end = width // 10 + 1
        if filled.mean() > 0.7 and filled[:end].any() and filled[-end:].any():
            tone = float(np.median(ink[part][inside & (mask[part] > 0)]))
            level[part][inside] = np.maximum(level[part][inside], tone)
            count, thickest = count + 1, max(thickest, float(np.median(inside.sum(0))))
    return level, count, thickest
