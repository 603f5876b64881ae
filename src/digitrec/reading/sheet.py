"""A sheet of paper on a table: where it is, so that the table and the paper's edges are not taken for ink."""

import cv2
import numpy as np

# Pixels on the longer side of the image in which the sheet is looked for.
SIDE = 256
# Grey levels between the sheet and what is around it.
CONTRAST = 30
# The sheet's share of the image: less is a digit's own stroke, more is no more than a border.
SHARE = (0.2, 0.97)
# Share of the step in grey that the first pixels on both sides of its edge make: a shadow's edge is softer.
SHARP = 0.75
# Share of its hull that a sheet and a polygon of its few corners fill: of a round digit, a hexagon fills 0.83.
STRAIGHT = 0.9
# Share of its shorter side by which a sheet's outline may be off the polygon of its corners: of 0.05, 0.08 and 0.12 the
# one with which most digits on dark tables and on torn sheets are right (`benchmarks/reading.py`).
CORNER = 0.08


def sheet_of_paper(grey: np.ndarray) -> tuple[np.ndarray, tuple[int, int]] | None:
    """Cut out the sheet that an image shows with a table, a shadow or a frame around it.

    Parameters
    ----------
    grey : array
        uint8 of shape (height, width).

    Returns
    -------
    array
        uint8, the sheet; where it is no upright rectangle, its edge goes on to the corners.
    tuple of int
        Column and row of its upper left corner in the image.
    None
        In place of both, where there is no such sheet.
    """
    reduce = max(1.0, max(grey.shape) / SIDE)
    size = [max(1, round(side / reduce)) for side in reversed(grey.shape)]
    small = cv2.medianBlur(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), 5)
    _, bright = cv2.threshold(small, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    for shade in (bright, 1 - bright):
        corners = _corners(shade)
        if corners is not None and _has_an_edge(small, corners):
            return _cut_out(grey, _inside(corners, small.shape, grey.shape))
    return None


def _corners(shade: np.ndarray) -> np.ndarray | None:
    """Give the corners of the largest area of a shade, if it has few, straight sides and hardly anything in it."""
    shade = cv2.morphologyEx(shade, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(shade, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    area = cv2.contourArea(hull)
    # A tolerance told by the whole outline would take corners off a narrow sheet.
    corners = cv2.approxPolyDP(hull, CORNER * min(cv2.minAreaRect(hull)[1]), True)
    if not SHARE[0] * shade.size <= area <= SHARE[1] * shade.size or len(corners) > 6:
        return None
    if min(cv2.contourArea(outline), cv2.contourArea(corners)) < STRAIGHT * area:
        return None
    sheet = cv2.fillConvexPoly(np.zeros_like(shade), hull, 1)
    other = cv2.bitwise_and(sheet, cv2.bitwise_not(shade))
    # Writing leaves most of a sheet free, and does not go on beyond it as it does from light into shadow.
    _, labels = cv2.connectedComponents(other)
    depth = cv2.distanceTransform(sheet, cv2.DIST_L2, 5)
    dents = np.intersect1d(labels[(other > 0) & (depth < 2)], labels[(other > 0) & (depth > 6)])
    return corners if other.sum() < 0.3 * sheet.sum() and not dents.size else None


def _has_an_edge(grey: np.ndarray, corners: np.ndarray) -> bool:
    """Tell whether the grey changes at the sides of a polygon, and not gradually as from light to shadow."""
    mask = cv2.fillConvexPoly(np.zeros(grey.shape, np.uint8), corners, 1)

    def step(nearest: float, furthest: float) -> float:
        sides = []
        for side in (mask, 1 - mask):
            # The image's border is no edge of the polygon: seen from it, nothing is near.
            distance = cv2.distanceTransform(side, cv2.DIST_L2, 5)
            band = grey[(distance > nearest) & (distance <= furthest)]
            sides.append(float(np.median(band)) if band.size else np.nan)
        return abs(sides[0] - sides[1])

    near, far = step(1.5, 4), step(8, 12)
    return near >= CONTRAST and not near < SHARP * far


def _inside(corners: np.ndarray, small: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Give the sheet in the whole image, without its edges: a uint8 mask."""
    scale = np.array(shape[::-1]) / small[::-1]
    mask = cv2.fillConvexPoly(np.zeros(shape, np.uint8), np.rint((corners + 0.5) * scale - 0.5).astype(np.int32), 1)
    edge = int(np.ceil(3 * max(scale)))
    # The image's own border is none of the sheet's edges.
    padded = cv2.copyMakeBorder(mask, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    return cv2.erode(padded, np.ones((2 * edge + 1, 2 * edge + 1), np.uint8))[edge:-edge, edge:-edge]


def _cut_out(grey: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, tuple[int, int]] | None:
    left, top, width, height = cv2.boundingRect(inside)
    if not width:
        return None
    part = np.s_[top : top + height, left : left + width]
    sheet, inside = grey[part], inside[part]
    # Each pixel outside gets the grey of the nearest one inside.
    _, nearest = cv2.distanceTransformWithLabels(
        1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    greys = np.zeros(int(nearest.max()) + 1, np.uint8)
    greys[nearest[inside > 0]] = sheet[inside > 0]
    return greys[nearest], (left, top)
