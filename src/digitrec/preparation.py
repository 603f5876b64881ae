"""From a photograph, scan or drawing to digits as MNIST has them.

MNIST's preparation (LeCun et al., Gradient-based learning applied to document recognition, 1998, section III.A): a
digit of two colours is fitted into 20x20 pixels keeping its shape, which makes it grey, and centred by its mass in
28x28.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# Both sides of a network's input, and of the box that the digit is fitted into.
SIDE, BOX = 28, 20
# Longer side, in pixels, of the digit where its strokes are measured and thickened: four times the box's.
FINE = 4 * BOX
# Thinnest stroke, in pixels of the fine digit: MNIST's are seldom thinner than 1.8 pixels of the box.
THINNEST = 7.0
# Images are reduced to this many pixels on the longer side before anything is looked for.
LARGEST = 1600
# Grey levels by which ink must differ from the page around it.
FAINTEST = 10
# A piece of ink counts from this share of the largest piece's area on.
SPECK = 0.02
# Ink from 0 to 1: what is ink for certain, and what is where it touches that.
STRONG, WEAK = 0.5, 0.3


@dataclass(frozen=True)
class Prepared:
    """A digit that was found.

    Attributes
    ----------
    image : array
        uint8 of shape (28, 28), 255 is ink.
    box : tuple of int
        Left, top, right and bottom in pixels of the decoded image; right and bottom are the first outside.
    """

    image: np.ndarray
    box: tuple[int, int, int, int]


def find_digit(grey: np.ndarray) -> Prepared | None:
    """Find one digit in an image.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), of any size; ink dark on light or light on dark.

    Returns
    -------
    Prepared or None
        None where no ink is found. An image that has MNIST's own form already is taken as it is.
    """
    if _is_mnist(grey):
        return Prepared(grey, _box_of(grey > 0))
    ink, scale = _ink_of(grey)
    pieces = _pieces(ink)
    if not pieces:
        return None
    chosen = _one_digit(pieces, ink.shape)
    return _prepare(ink, chosen, scale, grey.shape)


def find_line(grey: np.ndarray) -> list[Prepared]:
    """Find separate digits side by side, from left to right.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width), as for `find_digit`.
    """
    ink, scale = _ink_of(grey)
    return [_prepare(ink, group, scale, grey.shape) for group in _digits_in_line(_pieces(ink))]


@dataclass
class _Piece:
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


def _box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, left + width, top + height


def _is_mnist(grey: np.ndarray) -> bool:
    """Tell whether an image is 28x28, light on black, 20 pixels high or wide, and centred by mass."""
    if grey.shape != (SIDE, SIDE) or grey[0].any() or grey[-1].any() or grey[:, 0].any() or grey[:, -1].any():
        return False
    moments = cv2.moments(grey)
    if not moments["m00"] or grey.max() < 128:
        return False
    left, top, right, bottom = _box_of(grey > 0)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    return BOX - 2 <= max(right - left, bottom - top) <= BOX and bool((abs(centre - (SIDE - 1) / 2) <= 1.1).all())


def _ink_of(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Give how much ink there is, float32 from 0 to 1 (all 0 where there is none), and the scale it was reduced by."""
    scale = min(1.0, LARGEST / max(grey.shape))
    if scale < 1:
        size = [max(1, round(side * scale)) for side in reversed(grey.shape)]
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    page = _page_of(grey)
    difference = grey.astype(np.float32) - page
    noise = _noise_of(difference)
    # A little smoothing, where there is noise: a stroke's neighbours are ink too, noise's are not.
    if noise > 2 and min(grey.shape) > SIDE:
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
        return np.zeros(grey.shape, np.float32), scale
    threshold = max(_otsu(ink, noise), 3 * noise)
    strong = ink[ink > threshold]
    if not strong.size:
        return np.zeros(grey.shape, np.float32), scale
    # From 0 to 1, where 0.5 is the threshold.
    ink = np.clip(ink / _percentile(strong, 60), 0, 1)
    cut = float(np.clip(threshold / _percentile(strong, 60), 0.2, 0.6))
    ink = np.where(ink < cut, ink * (0.5 / cut), 0.5 + (ink - cut) * (0.5 / (1 - cut))).astype(np.float32)
    return _without_ruled_lines(ink), scale


def _percentile(values: np.ndarray, percent: float) -> float:
    """Of an even sample of at most some 40,000 values: sorting more of them takes longer than all else."""
    values = values.ravel()
    return float(np.percentile(values[:: max(1, values.size // 40_000) | 1], percent))


def _energy(side: np.ndarray, noise: float) -> float:
    return float(np.square(np.maximum(side - 3 * noise, 0)).sum())


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
    return min(found / 255 * top, 0.5 * top)


def _without_ruled_lines(ink: np.ndarray) -> np.ndarray:
    """Take a page's ruled lines away: thin, straight, from border to border."""
    across = _ruled_lines(ink)
    down = [line.T for line in _ruled_lines(np.ascontiguousarray(ink.T))]
    if not across and not down:
        return ink
    ruled = np.any([line > 0 for line in across + down], axis=0)
    pieces = _pieces(np.where(ruled, 0, ink))
    if not pieces:
        return ink
    largest = max(pieces, key=lambda piece: piece.area)
    # In a tight crop a 7's bar or a 1 goes from border to border as well, but is as thick as the rest.
    stroke = _stroke_width(largest.mask.astype(np.uint8))
    thickest = max(float(np.median((line > 0).sum(axis))) for lines, axis in ((across, 0), (down, 1)) for line in lines)
    if thickest > 0.7 * stroke and len(across) < 3 and len(down) < 3:
        return ink
    if max(largest.height, largest.width) < 6:
        return ink
    # Where a stroke crosses a line, the line's pixels are the stroke's too: they are darker than the line, or close a
    # gap that is as wide as the line.
    level = np.max(across + down, axis=0)
    kept = (ink >= WEAK) & (~ruled | (ink > 1.4 * level + 0.1))
    size = int(np.ceil(thickest)) + 3
    closed = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8)) > 0
    kept |= closed & ruled & (ink >= WEAK)
    near = cv2.dilate(kept.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(near & (~ruled | kept), ink, 0).astype(np.float32)


def _ruled_lines(ink: np.ndarray) -> list[np.ndarray]:
    """Find nearly level lines from the left border to the right one.

    Returns
    -------
    list of array
        For each line, float32 of the shape of `ink`: how much ink the line has by itself, 0 outside of it.
    """
    mask = (ink >= WEAK).astype(np.uint8)
    height, width = mask.shape
    length = max(9, width // 12)
    runs = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    joined = cv2.dilate(runs, np.ones((3, 2 * length + 1), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = []
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    for number in 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_WIDTH] > 0.8 * width):
        rows, columns = np.nonzero((labels == number) & (runs > 0))
        thickness = np.bincount(columns, minlength=width)
        usual = float(np.median(thickness[thickness > 0]))
        if usual > max(3, 0.04 * height) or (thickness > 0).mean() < 0.5:
            continue
        # A line through the columns where nothing crosses it, twice: the second time without what lies apart.
        alone = thickness[columns] <= usual + 1
        for _ in range(2):
            slope, start = np.polyfit(columns[alone], rows[alone], 1)
            alone = abs(rows - start - slope * columns) <= usual / 2 + 1
        inside = abs(y - start - slope * x) <= usual / 2 + 1
        filled = (inside & (mask > 0)).any(0)
        end = width // 10 + 1
        if filled.mean() > 0.7 and filled[:end].any() and filled[-end:].any():
            level = float(np.median(ink[inside & (mask > 0)]))
            found.append(np.where(inside, np.float32(level), np.float32(0)))
    return found


def _pieces(ink: np.ndarray) -> list[_Piece]:
    # Hysteresis (Canny, 1986): faint ink counts where it hangs together with strong ink.
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink >= WEAK).astype(np.uint8), connectivity=8)
    strong = np.bincount(labels[ink >= STRONG], minlength=count)
    if not strong.any():
        return []
    areas = np.where(strong > 0, stats[:, cv2.CC_STAT_AREA], 0)
    areas[0] = 0
    pieces = []
    for number in np.flatnonzero(areas >= max(1, SPECK * areas.max())):
        left, top, width, height, area = (int(value) for value in stats[number])
        inside = labels[top : top + height, left : left + width] == number
        pieces.append(_Piece(inside, (left, top, left + width, top + height), area))
    return pieces


def _one_digit(pieces: list[_Piece], shape: tuple[int, ...]) -> list[_Piece]:
    """Choose the largest piece and those that belong to it: near, and no mere spots."""
    height, width = shape

    def weight(piece: _Piece) -> float:
        # A shadow or the paper's edge lies along the border; writing seldom does.
        left, top, right, bottom = piece.box
        borders = (left == 0) + (top == 0) + (right == width) + (bottom == height)
        extent = max(piece.height, piece.width)
        return extent * piece.area**0.5 * (0.5 if borders == 1 else 0.25 if borders > 1 else 1)

    main = max(pieces, key=weight)
    chosen, box = [main], main.box
    reach = 0.16 * max(main.height, main.width)
    changed = True
    while changed:
        changed = False
        for piece in pieces:
            if any(piece is other for other in chosen):
                continue
            gap_x = max(piece.box[0] - box[2], box[0] - piece.box[2], 0)
            gap_y = max(piece.box[1] - box[3], box[1] - piece.box[3], 0)
            long = max(piece.height, piece.width) >= 0.18 * max(box[3] - box[1], box[2] - box[0])
            if np.hypot(gap_x, gap_y) <= reach and (long or piece.area >= 0.1 * main.area):
                chosen.append(piece)
                box = _union([box, piece.box])
                changed = True
    return chosen


def _digits_in_line(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Group pieces that lie over one another into digits; leave out commas, points and specks."""
    if not pieces:
        return []
    tallest = max(piece.height for piece in pieces)
    groups: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.box[0]):
        for group in groups:
            box = _union([other.box for other in group])
            shared = min(box[2], piece.box[2]) - max(box[0], piece.box[0])
            if shared > 0.5 * min(box[2] - box[0], piece.width):
                group.append(piece)
                break
        else:
            groups.append([piece])
    heights = [_union([piece.box for piece in group])[3] - min(p.box[1] for p in group) for group in groups]
    # Punctuation is a third of a digit's height at most.
    usual = float(np.median([height for height in heights if height > 0.4 * tallest]))
    return [group for group, height in zip(groups, heights, strict=True) if height > 0.4 * usual]


def _union(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _prepare(ink: np.ndarray, pieces: list[_Piece], scale: float, shape: tuple[int, ...]) -> Prepared:
    left, top, right, bottom = _union([piece.box for piece in pieces])
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for piece in pieces:
        x, y = piece.box[0] - left, piece.box[1] - top
        mask[y : y + piece.height, x : x + piece.width] |= piece.mask.astype(np.uint8)
    inside = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0
    digit = np.where(inside, ink[top:bottom, left:right], 0).astype(np.float32)
    height, width = shape
    whole = (
        max(0, int(left / scale)),
        max(0, int(top / scale)),
        min(width, int(np.ceil(right / scale))),
        min(height, int(np.ceil(bottom / scale))),
    )
    return Prepared(_centred(_fitted(digit, mask)), whole)


def _fitted(ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fit a digit into 20x20, its strokes no thinner than MNIST's: float32 from 0 to 1."""
    height, width = ink.shape
    factor = FINE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if factor < 1:
        stroke = _stroke_width(mask)
        fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
        # Averaging makes a thin stroke faint, it does not end it.
        bilevel = fine >= 0.45 * min(1.0, stroke * factor)
    else:
        bilevel = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC) >= 0.5
    edge = int(THINNEST)
    bilevel = cv2.copyMakeBorder(bilevel.astype(np.uint8), edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    missing = THINNEST - _stroke_width(bilevel)
    if missing > 0.5:
        side = 1 + 2 * max(1, round(missing / 2))
        bilevel = cv2.dilate(bilevel, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    left, top, right, bottom = _box_of(bilevel)
    digit = bilevel[top:bottom, left:right].astype(np.float32)
    factor = BOX / max(digit.shape)
    size = (max(1, round(digit.shape[1] * factor)), max(1, round(digit.shape[0] * factor)))
    return cv2.resize(digit, size, interpolation=cv2.INTER_AREA)


def _stroke_width(mask: np.ndarray) -> float:
    """Give the mean width of strokes in pixels: the mean distance of ink from the page is a quarter of it."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[padded > 0]
    # The distance is taken to the centre of the nearest pixel that is page, half a pixel too far.
    return max(1.0, 4 * (float(distance.mean()) - 0.5)) if distance.size else 1.0


def _centred(digit: np.ndarray) -> np.ndarray:
    """Put a digit of at most 20x20 into 28x28, its centre of mass in the middle."""
    moments = cv2.moments(digit)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1e-9)
    height, width = digit.shape
    left, top = np.clip(np.rint((SIDE - 1) / 2 - centre).astype(int), 0, [SIDE - width, SIDE - height])
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = np.rint(255 * digit)
    return image
