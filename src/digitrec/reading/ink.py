"""Ink on a page: how much of it each pixel has, and the pieces that it forms."""

from dataclasses import dataclass

import cv2
import numpy as np

# Images are reduced to this many pixels on the longer side before anything is looked for.
LARGEST = 1600
# Images of at most this many pixels on the shorter side are not smoothed: their strokes are as thin as noise.
SMALL = 28
# Grey levels by which ink must differ from the page around it.
FAINTEST = 10
# Share of an image's variance that lies between two shades, from which on it has no more than these.
TWO_SHADES = 0.85
# Ink is at least this share of what the darkest of it is.
LEAST_OTSU = 0.12
# Width of a stroke's soft rim, as a share of the image's side; paper is flat whose grey levels, but for a tenth, differ
# by less than this share of the ink's contrast.
RIM, FLAT = 0.04, 0.3
# A piece of ink counts from this share of the largest piece's area on.
SPECK = 0.02
# Ink from 0 to 1: what is ink for certain, and what is where it touches that.
STRONG, WEAK = 0.5, 0.3
# What is looked at, however speckled an image is: so many of the largest pieces, while their boxes have no more
# pixels together than so many images. A page of 5,000 digits has about as many pieces, and boxes of one image.
MOST_PIECES, MOST_IMAGES = 12_000, 16


@dataclass
class Piece:
    """A connected piece of ink: where it is (mask of its box), its box and its area in pixels."""

    mask: np.ndarray
    box: tuple[int, int, int, int]
    area: int

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    def paint(self, target: np.ndarray, origin: tuple[int, int] = (0, 0)) -> None:
        """Set the piece's pixels to 1 in a uint8 image whose upper left corner is at `origin`."""
        self._part_of(target, origin)[self.mask] = 1

    def touches(self, target: np.ndarray) -> bool:
        """Tell whether the image is not 0 somewhere under the piece."""
        return bool(self._part_of(target)[self.mask].any())

    def _part_of(self, target: np.ndarray, origin: tuple[int, int] = (0, 0)) -> np.ndarray:
        left, top = self.box[0] - origin[0], self.box[1] - origin[1]
        return target[top : top + self.height, left : left + self.width]


def reduced(grey: np.ndarray, largest: int = LARGEST) -> tuple[np.ndarray, float]:
    """Reduce an image to so many pixels on the longer side, at most; the scale, at most 1, comes with it."""
    scale = min(1.0, largest / max(grey.shape))
    size = [max(1, round(side * scale)) for side in reversed(grey.shape)]
    return (cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if scale < 1 else grey), scale


def ink_of(grey: np.ndarray) -> np.ndarray:
    """Tell ink from the page.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), dark ink on a light page or light ink on a dark one.

    Returns
    -------
    array
        How much ink there is, float32 of shape (height, width), from 0 to 1, all 0 where there is none.
    """
    page = page_around_a_large_digit(grey)
    if page is None:
        page = _page_of(grey)
    difference = grey.astype(np.float32) - page
    noise = _noise_of(difference)
    # A little smoothing, where there is noise: a stroke's neighbours are ink too, noise's are not.
    if noise > 2 and min(grey.shape) > SMALL:
        difference = cv2.GaussianBlur(difference, (0, 0), 0.8 if noise < 8 else 1.2)
        noise = _noise_of(difference)
    # Whichever stands out more from the page is ink, the dark or the light.
    if _energy(-difference, noise) >= _energy(difference, noise):
        # Ink takes away a share of the light that falls on the page.
        brightest = max(float(page.max()), 1.0)
        ink = np.maximum(-difference, 0) * (brightest / np.maximum(page, brightest / 4))
    else:
        ink = np.maximum(difference, 0)
    if max(_percentile(ink, 99.7), 0.5 * float(ink.max())) < max(FAINTEST, 4 * noise):
        return np.zeros(grey.shape, np.float32)
    threshold = max(_otsu(ink, noise), 3 * noise)
    strong = ink[ink > threshold]
    if not strong.size:
        return np.zeros(grey.shape, np.float32)
    # From 0 to 1, where 0.5 is the threshold.
    ink = np.clip(ink / _percentile(strong, 60), 0, 1)
    cut = float(np.clip(threshold / _percentile(strong, 60), 0.2, 0.6))
    return np.where(ink < cut, ink * (0.5 / cut), 0.5 + (ink - cut) * (0.5 / (1 - cut))).astype(np.float32)


def _percentile(values: np.ndarray, percent: float) -> float:
    """Of an even sample of at most some 40,000 values: sorting more of them takes longer than all else."""
    values = values.ravel()
    return float(np.percentile(values[:: max(1, values.size // 40_000) | 1], percent))


def _energy(side: np.ndarray, noise: float) -> float:
    return float(np.square(np.maximum(side - 3 * noise, 0)).sum())


def page_around_a_large_digit(grey: np.ndarray, tight: bool = False) -> np.ndarray | None:
    """Give the page's grey, float32, where a digit fills an image of two shades; None elsewhere.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width).
    tight : bool
        Whether the digit must have all of the image's height or width, as no sheet on a table has.
    """
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    share = float(mask.mean())
    if not 0.1 < share < 0.9:
        return None
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    # Of the light and the dark shade, paper is the one that most of the border and of the image have.
    light = float(np.concatenate(sides).mean()) + share > 1
    ink = 1 - mask if light else mask
    contrast = abs(float(grey[mask == 1].mean()) - float(grey[mask == 0].mean()))
    # What is paper for certain, without the soft rims of strokes.
    rim = max(1, round(RIM * min(grey.shape)))
    clear = grey[cv2.dilate(ink, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) == 0]
    is_flat = (
        clear.size > 0.05 * grey.size and float(np.percentile(clear, 95) - np.percentile(clear, 5)) < FLAT * contrast
    )
    # Otsu's measure of how well two shades describe the image; soft strokes have more than two, but lie on flat paper.
    if share * (1 - share) * contrast**2 < TWO_SHADES * float(grey.var()) and not is_flat:
        return None
    _, _, width, height = cv2.boundingRect(ink)
    # The shadow over half of a page is no stroke, nor is the one along a side.
    along = max(float((side != light).mean()) for side in sides) > 0.5
    shares = width / grey.shape[1], height / grey.shape[0]
    # A one is narrow, however high it is.
    is_tight = max(shares) > 0.95
    if (min(shares) < 0.5 and max(shares) < 0.8) or (tight and not is_tight):
        return None
    if stroke_width(ink) > (0.3 if is_tight else 0.25) * max(grey.shape):
        return None
    if along and min(shares) < (0.5 if is_flat else 0.8):
        return None
    return np.full(grey.shape, np.median(clear if is_flat else grey[mask == light]), np.float32)


def _page_of(grey: np.ndarray) -> np.ndarray:
    """Give the page's grey without the ink, float32: a plane, and a median over windows larger than strokes."""
    height, width = grey.shape
    reduce = max(1.0, max(height, width) / 96)
    size = (max(1, round(width / reduce)), max(1, round(height / reduce)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    plane = _plane_of(small)
    # OpenCV takes the median over large windows of bytes only.
    apart = np.clip(small - plane + 128, 0, 255).astype(np.uint8)
    pad = max(1, min(max(size) // 4, 30))
    smooth = cv2.medianBlur(cv2.copyMakeBorder(apart, pad, pad, pad, pad, cv2.BORDER_REFLECT), 2 * pad + 1)
    smooth = smooth[pad:-pad, pad:-pad].astype(np.float32)
    # Where a broad stroke has won the window, the image's frame decides.
    frame = float(np.median(np.concatenate([apart[0], apart[-1], apart[:, 0], apart[:, -1]])))
    smooth[abs(smooth - frame) > 0.5 * float(np.ptp(apart)) + 1] = frame
    page = cv2.GaussianBlur(smooth, (0, 0), 2) - 128 + plane
    return cv2.resize(page, (width, height), interpolation=cv2.INTER_LINEAR)


def _plane_of(grey: np.ndarray) -> np.ndarray:
    """Fit a plane to the page: least squares, twice more without the fifth that lies furthest from it."""
    y, x = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
    terms = np.stack([np.ones(grey.size), x.ravel(), y.ravel()], 1)
    values, kept = grey.ravel(), np.ones(grey.size, bool)
    for _ in range(3):
        plane = terms @ np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
        off = abs(values - plane)
        kept = off <= np.quantile(off, 0.8)
    return plane.reshape(grey.shape).astype(np.float32)


def _noise_of(difference: np.ndarray) -> float:
    """Give the standard deviation of the page's noise, by the median of pixels' differences from their neighbours."""
    across = abs(np.diff(difference, axis=1)) if difference.shape[1] > 1 else abs(np.diff(difference, axis=0))
    return _percentile(across, 50) / (0.6745 * 2**0.5) if across.size else 0.0


def _otsu(ink: np.ndarray, noise: float) -> float:
    """Give Otsu's threshold (1979) of the pixels that stand out from noise."""
    inside = ink[ink > max(2 * noise, 0.05 * float(ink.max()))]
    if not inside.size:
        return float(ink.max())
    top = _percentile(inside, 99.5)
    levels = np.clip(inside * (255 / top), 0, 255).astype(np.uint8).reshape(1, -1)
    found, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # Where all stand out alike, Otsu's threshold is 0, and one level of noise would be ink.
    return float(np.clip(found / 255, LEAST_OTSU, 0.5)) * top


def pieces_of(ink: np.ndarray, most: int = MOST_PIECES, speck: float = SPECK) -> list[Piece]:
    """Find connected pieces, without specks; faint ink counts where it touches strong ink (hysteresis, Canny, 1986).

    Parameters
    ----------
    ink : array
        float32 of shape (height, width), 0 to 1.
    most : int
        Of so many, the largest.
    speck : float
        Share of the largest piece's area that a piece needs to count.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink >= WEAK).astype(np.uint8), connectivity=8)
    strong = np.bincount(labels[ink >= STRONG], minlength=count)
    if not strong.any():
        return []
    areas = np.where(strong > 0, stats[:, cv2.CC_STAT_AREA], 0)
    areas[0] = 0
    boxes = stats[:, cv2.CC_STAT_WIDTH].astype(np.int64) * stats[:, cv2.CC_STAT_HEIGHT]
    numbers = np.flatnonzero(areas >= max(1, speck * areas.max()))
    largest = numbers[np.argsort(-areas[numbers], kind="stable")][:most]
    largest = largest[: max(1, int(np.searchsorted(np.cumsum(boxes[largest]), MOST_IMAGES * ink.size, "right")))]
    pieces = []
    for number in np.sort(largest):
        left, top, width, height, area = (int(value) for value in stats[number])
        inside = labels[top : top + height, left : left + width] == number
        pieces.append(Piece(inside, (left, top, left + width, top + height), area))
    return pieces


def stroke_width(mask: np.ndarray) -> float:
    """Give the mean width of strokes in pixels: the mean distance of ink from the page is a quarter of it."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[padded > 0]
    # The distance is taken to the centre of the nearest pixel that is page, half a pixel too far.
    return max(1.0, 4 * (float(distance.mean()) - 0.5)) if distance.size else 1.0
