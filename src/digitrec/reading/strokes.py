"""Strokes of a pen: digits as many hands write them, signs, and scribbles that are neither."""

import cv2
import numpy as np

# Ways to write each digit: strokes, each a curve through points (x to the right, y down, in hundredths).
DIGITS = {
    0: [
        "50,2 20,15 8,50 20,87 50,98 80,85 92,50 80,14 48,3",
        "62,8 30,10 12,50 30,92 65,90 84,50 70,12 50,0",
        "55,0 25,20 15,55 30,95 60,98 82,60 75,20 45,4 30,10",
    ],
    1: [
        "50,0 50,50 50,100",
        "30,22 45,12 56,0 / 56,0 55,50 54,100",
        "32,20 44,12 54,0 / 54,0 53,98 / 30,98 76,98",
        "14,46 36,24 58,0 / 58,0 56,50 54,100",
        "12,48 34,26 58,0 / 58,0 56,98 / 26,99 84,97",
    ],
    2: [
        "12,25 30,5 62,3 80,25 66,52 35,78 12,97 / 12,97 50,96 88,96",
        "15,20 45,2 76,18 66,48 40,75 16,92 22,76 45,84 68,97 92,88",
        "10,22 34,2 70,6 78,30 56,60 18,96 / 18,96 54,92 94,98",
    ],
    3: [
        "15,12 42,0 74,10 76,32 42,47 / 42,47 78,56 84,80 55,99 12,88",
        "14,3 45,2 78,3 / 78,3 44,42 / 44,42 80,52 85,80 50,100 12,88",
    ],
    4: [
        "66,0 36,36 6,68 / 6,68 50,67 94,66 / 68,36 67,70 66,100",
        "20,2 16,28 14,50 / 14,50 50,50 80,48 / 78,0 77,50 74,100",
        "70,0 8,62 / 8,62 92,62 / 70,0 69,100",
        "30,0 22,30 10,58 / 10,58 48,60 90,56 / 64,26 60,62 56,100",
    ],
    5: [
        "80,2 50,2 22,3 / 22,3 18,42 / 18,42 50,36 82,52 80,82 48,100 12,90",
        "24,5 20,45 55,40 82,62 70,92 36,100 10,88 / 24,5 55,6 84,2",
        "88,0 40,4 / 40,4 26,44 / 26,44 62,40 80,62 66,92 30,100 8,90",
    ],
    6: [
        "72,2 36,22 14,60 24,92 56,99 82,80 74,56 44,52 18,70",
        "50,0 20,35 12,72 40,100 76,88 78,62 48,50 16,68",
        "92,4 50,28 16,66 22,96 56,100 74,80 60,60 30,66 18,82",
    ],
    7: [
        "10,4 50,3 88,3 / 88,3 60,45 40,100",
        "12,5 50,4 86,3 / 86,3 58,48 42,100 / 34,50 80,48",
        "12,16 13,4 / 13,4 50,6 86,2 / 86,2 55,50 45,100",
        "8,20 14,2 / 14,2 50,8 90,2 / 90,2 62,48 48,100 / 36,52 78,46",
    ],
    8: [
        "76,14 48,0 22,16 34,40 64,56 82,80 50,100 18,82 34,56 64,38 78,16",
        "50,46 24,26 50,2 76,24 50,46 / 50,46 16,74 50,100 84,74 50,46",
        "80,8 46,0 24,20 44,44 72,64 70,94 36,98 20,78 46,50 74,26 80,8",
    ],
    9: [
        "80,16 50,2 20,20 26,46 56,50 80,20 78,60 74,100",
        "78,10 42,2 16,26 36,50 70,36 80,10 80,56 60,90 24,98",
        "76,16 46,2 20,22 36,48 70,34 76,16 78,60 64,92 34,98 16,84",
    ],
}
# Signs that stand beside digits, in the same frame.
SIGNS = {
    ",": "52,84 54,94 44,112",
    ".": "49,95 52,97",
    ":": "50,40 51,42 / 50,90 51,92",
    "/": "90,-4 50,50 10,104",
    "+": "50,22 50,82 / 18,52 82,52",
    "-": "16,54 84,52",
    "x": "22,26 78,84 / 78,26 22,84",
    "=": "18,40 82,38 / 18,66 82,66",
    "(": "66,-6 42,22 38,60 46,90 66,112",
    ")": "34,-6 58,22 62,60 54,90 34,112",
    "€": "84,12 50,2 26,40 34,84 80,92 / 8,40 66,38 / 8,58 62,56",
    "$": "78,16 40,10 24,34 70,62 66,90 20,88 / 50,-6 48,108",
    "#": "36,4 28,96 / 68,4 60,96 / 8,34 90,32 / 6,68 88,66",
    "%": "84,2 16,98 / 26,6 10,20 26,36 40,20 26,6 / 76,62 60,78 76,96 90,78 76,62",
    "?": "18,22 44,0 78,20 64,46 48,70 / 48,94 50,96",
    "*": "50,20 50,70 / 26,32 74,60 / 74,32 26,60",
    "~": "10,56 30,44 52,54 72,64 90,52",
    "^": "20,40 50,8 80,40",
    "[": "66,-4 36,-4 36,104 66,104",
    "]": "34,-4 64,-4 64,104 34,104",
    "&": "86,96 34,34 50,4 66,22 22,70 44,98 84,60",
    "@": "66,60 40,60 46,34 66,40 66,64 90,50 70,8 24,14 8,60 36,98 80,90",
    "√": "4,60 20,54 38,98 60,4 100,4",
}


def curve(points: np.ndarray, steps: int = 12) -> np.ndarray:
    """Draw a Catmull-Rom curve through points, floats of shape (n, 2), by `steps` points from each to the next."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = (padded[k : len(points) - 1 + k, None] for k in range(4))
    curves = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curves.reshape(-1, 2), points[-1:]])


def strokes_of(text: str) -> list[np.ndarray]:
    """Read strokes from the tables above: of each, its points, floats of shape (n, 2), in a frame from 0 to 1."""
    return [
        np.array([[float(value) / 100 for value in point.split(",")] for point in stroke.split()])
        for stroke in text.split(" / ")
    ]


def digit_strokes(digit: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Choose one of the ways to write a digit."""
    return strokes_of(DIGITS[digit][rng.integers(len(DIGITS[digit]))])


def scribble(rng: np.random.Generator) -> list[np.ndarray]:
    """Give one to five strokes that make up a sign nobody knows: lines, angles, arcs, waves, loops and dots."""
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.15, 0.3, 0.3, 0.15, 0.1]))
    if count == 1:
        # One stroke that turns often enough to be no digit's.
        steps = rng.normal(0, 0.45, (rng.integers(6, 10), 2))
        points = np.cumsum(steps, 0)
        return [(points - points.min(0)) / max(float(np.ptp(points, axis=0).max()), 0.2)]
    return [stroke for _ in range(count) for stroke in _stroke(rng)]


def _stroke(rng: np.random.Generator) -> list[np.ndarray]:
    start, kind = rng.choice([0, 0.5, 1], 2) * rng.uniform(0.8, 1, 2) + rng.normal(0, 0.08, 2), rng.integers(6)
    if kind == 0:
        # Lines along the sides and diagonals, as letters have them.
        end = start + rng.choice([-1, 0, 1], 2) * rng.uniform(0.4, 1) + rng.normal(0, 0.05, 2)
        return [np.array([start, (start + end) / 2, end])]
    if kind == 1:
        angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, rng.uniform(1.5, 6.3), 7)
        return [start + rng.uniform(0.12, 0.5, 2) * np.stack([np.cos(angles), np.sin(angles)], 1)]
    if kind == 2:
        return [rng.uniform(0, 1, (rng.integers(3, 6), 2))]
    if kind == 3:
        corner = rng.uniform(0, 1, 2)
        end = corner + (start - corner)[::-1] * [1, -1] * rng.uniform(0.4, 1.2)
        return [np.array([a, (a + b) / 2, b]) for a, b in ((start, corner), (corner, end))]
    if kind == 4:
        # A wave, as in w, m and s.
        along = np.linspace(0, 1, 9)
        wave = rng.uniform(0.1, 0.3) * np.sin(along * rng.uniform(6, 16))
        points = np.stack([along, wave], 1) * rng.uniform(0.5, 1)
        return [start * 0.5 + (points if rng.random() < 0.6 else points[:, ::-1])]
    return [np.array([start, start + 0.02, start + 0.03])]


def drawn_strokes(
    strokes: list[np.ndarray], rng: np.random.Generator, height: float, pen: float, slant: float = 0, width: float = 0.7
) -> np.ndarray:
    """Draw strokes with a pen.

    Parameters
    ----------
    strokes : list of array
        Points of each, floats of shape (n, 2) in a frame from 0 to 1, x to the right, y down.
    rng : numpy.random.Generator
        Of how unsteady the hand is.
    height, pen : float
        Of the frame and of the pen's stroke, in pixels.
    slant : float
        How far the frame's top is to the right of its bottom, as a share of its height.
    width : float
        Of the frame, as a share of its height.

    Returns
    -------
    array
        Cover, float32 from 0 to 1, cut to what is drawn.
    """
    turn = np.deg2rad(rng.normal(0, 4))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    lines = []
    for stroke in strokes:
        points = curve(stroke + rng.normal(0, 0.014, stroke.shape)) - 0.5
        points = points * [width, 1] - np.outer(points[:, 1], [slant, 0])
        lines.append(points @ rotation * height)
    low, high = np.concatenate(lines).min(0), np.concatenate(lines).max(0)
    # Drawn larger and reduced, so that a stroke's width need be no whole number.
    scale = int(np.clip(np.ceil(6 / pen), 2, 8))
    edge = int(np.ceil(pen)) + 1
    size = np.ceil(high - low).astype(int) + 2 * edge
    image = np.zeros((size[1] * scale, size[0] * scale), np.uint8)
    for line in lines:
        path = np.rint((line - low + edge) * scale * 16).astype(np.int32)
        cv2.polylines(image, [path], False, 255, max(1, round(pen * scale)), cv2.LINE_AA, shift=4)
    cover = cv2.resize(image, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    left, top, breadth, tall = cv2.boundingRect((cover > 64).astype(np.uint8))
    return cover[top : top + max(1, tall), left : left + max(1, breadth)].astype(np.float32) / 255
