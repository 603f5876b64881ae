"""A page's ink, whatever its light, without the lines of tables, and turned."""

import cv2
import numpy as np

from digitrec.reading.ink import FAINTEST, Piece

# Pixels on the longer side in which a page's own grey is looked for, and the share of that side that no stroke is as
# thick as.
SIDE, THICKEST = 480, 1 / 11
# Ink differs from the page by this share of what most of the ink does, and by so many times the noise.
SHARE, NOISES = 0.35, 4.0
# Most of the ink stands out so many times as far as the least of it must.
ABOVE = 1.35
# The same share where only the darkest is ink.
DARKEST = 0.6


def page_ink(grey: np.ndarray, darkest: bool = False) -> np.ndarray:
    """Tell ink from a page of many strokes, whatever the light: by what lies around each place.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), dark ink on a light page or light ink on a dark one.
    darkest : bool
        Whether only what stands out most is ink: where paper is squared, or rough as noise.

    Returns
    -------
    array
        float32 of shape (height, width), from 0 to 1, all 0 where there is none; ink for certain from 0.5 on.
    """
    height, width = grey.shape
    reduce = max(1.0, max(height, width) / SIDE)
    size = (max(1, round(width / reduce)), max(1, round(height / reduce)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    side = max(9, int(max(size) * THICKEST)) | 1
    kernel = np.ones((side, side), np.uint8)
    calm = cv2.medianBlur(small, 3) if min(size) > 3 else small
    # Most of a page is free: ink is on the side of the median, over windows larger than digits, that stands out more.
    window = max(3, max(size) // 4) | 1
    usual = cv2.medianBlur(cv2.copyMakeBorder(calm, *(window // 2,) * 4, cv2.BORDER_REFLECT), window)
    usual = usual[window // 2 :, window // 2 :][: size[1], : size[0]]
    is_dark = _strength(cv2.subtract(usual, calm)) >= _strength(cv2.subtract(calm, usual))
    around = cv2.morphologyEx(calm, cv2.MORPH_CLOSE if is_dark else cv2.MORPH_OPEN, kernel)
    page = cv2.blur(around, (side // 2 | 1,) * 2)
    brightest = max(float(np.percentile(page, 95)), 1.0)
    page = cv2.resize(page, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    difference: np.ndarray = grey.astype(np.float32) - page
    if is_dark:
        # Ink takes away a share of the light that falls on the page.
        difference = -difference * (brightest / np.maximum(page, brightest / 5))
    noise = _noise_of(difference)
    if noise > 1.5 and min(grey.shape) > 60:
        difference = cv2.GaussianBlur(difference, (0, 0), 0.8 if noise < 8 else 1.2)
        noise = _noise_of(difference)
    ink = np.maximum(difference, 0)
    return _scaled(ink, noise, darkest)


def _strength(side: np.ndarray) -> float:
    return float(np.square(np.maximum(side.astype(np.float32) - 12, 0)).sum())


def _noise_of(difference: np.ndarray) -> float:
    across = abs(np.diff(difference[::2], axis=1)).ravel() if difference.shape[1] > 1 else np.zeros(1)
    return float(np.median(across[:: max(1, across.size // 40_000) | 1])) / (0.6745 * 2**0.5)


def _scaled(ink: np.ndarray, noise: float, darkest: bool) -> np.ndarray:
    """Bring ink to 0 to 1, 0.5 the least that is ink for certain."""
    least = max(FAINTEST, NOISES * noise)
    sample = ink.ravel()[:: max(1, ink.size // 400_000) | 1]
    strong = sample[sample > least]
    if strong.size < max(3, 1e-4 * sample.size):
        return np.zeros_like(ink)
    # Otsu's threshold (1979) of what stands out, but no more than a share of what most of it has.
    top = float(np.percentile(strong, 99 if darkest else 90))
    # Of noise alone, what stands out does so by little.
    if top < ABOVE * least:
        return np.zeros_like(ink)
    levels = np.clip(strong * (255 / top), 0, 255).astype(np.uint8).reshape(1, -1)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    cut = max(least, DARKEST * top if darkest else min(otsu / 255 * top, SHARE * top))
    return np.clip(np.where(ink < cut, 0.5 * ink / cut, 0.5 + 0.5 * (ink - cut) / max(top - cut, 1)), 0, 1).astype(
        np.float32
    )


def without_long_lines(ink: np.ndarray, pieces: list[Piece], height: float) -> np.ndarray:
    """Take lines of tables, rulings and underlines out of pieces that are far larger than a digit.

    Parameters
    ----------
    ink : array
        float32 of shape (height, width), from 0 to 1.
    pieces : list of Piece
        Its pieces.
    height : float
        Of a usual digit, in pixels.

    Returns
    -------
    array
        The same without lines, or `ink` itself where there are none.
    """
    long = [piece for piece in pieces if max(piece.height, piece.width) > 3.5 * height]
    if not long:
        return ink
    mask: np.ndarray = np.zeros(ink.shape, np.uint8)
    for piece in long:
        piece.paint(mask)
    thick = max(2, round(0.22 * height))
    lines: np.ndarray = np.zeros_like(mask)
    length = max(9, round(2 * height))
    for kernel, across in ((np.ones((1, length), np.uint8), np.ones((thick + 1, 1), np.uint8)),
                           (np.ones((length, 1), np.uint8), np.ones((1, thick + 1), np.uint8))):  # fmt: skip
        # A line may slant a little: what it is thick enough for.
        runs = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
        # What is thicker than a line is none.
        lines = np.maximum(lines, cv2.subtract(runs, cv2.morphologyEx(runs, cv2.MORPH_OPEN, across)))
    if not lines.any():
        return ink
    rim = cv2.bitwise_and(cv2.dilate(lines, np.ones((3, 3), np.uint8)), mask)
    kept = cv2.subtract(mask, rim)
    # Where a stroke crosses a line, it goes on.
    closed = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((thick, thick), np.uint8))
    return np.where((rim > 0) & (closed == 0), 0, ink).astype(np.float32)


def turned(ink: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn a page by an angle against the clock, in degrees; also the matrix (2, 3) from its boxes to the new ones."""
    height, width = ink.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = int(np.ceil(height * sin + width * cos - 1e-6)), int(np.ceil(height * cos + width * sin - 1e-6))
    matrix[:, 2] += [(size[0] - width) / 2, (size[1] - height) / 2]
    # It brings centres of pixels to each other; boxes are told by edges.
    edges = matrix.copy()
    edges[:, 2] += 0.5 - edges[:, :2].sum(1) / 2
    if angle % 90 == 0:
        return np.ascontiguousarray(np.rot90(ink, round(angle / 90))), edges
    return cv2.warpAffine(ink, matrix, size, flags=cv2.INTER_LINEAR), edges
