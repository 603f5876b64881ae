"""Digits drawn from strokes, as people draw them: many pens, sizes, slants, papers, and what goes wrong.

`python tests/drawing.py` writes the committed set, tests/drawn: the digit is the first character of a file's name.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import uniform_filter

FOLDER = Path(__file__).parent / "drawn"
# Ways to write each digit: strokes, each a curve through points (x to the right, y down, in hundredths).
GLYPHS = {
    0: [
        "50,2 20,15 8,50 20,87 50,98 80,85 92,50 80,14 48,3",
        "62,8 30,10 12,50 30,92 65,90 84,50 70,12 50,0",
    ],
    1: [
        "50,0 50,50 50,100",
        "30,22 45,12 56,0 / 56,0 55,50 54,100",
        "32,20 44,12 54,0 / 54,0 53,98 / 30,98 76,98",
    ],
    2: [
        "12,25 30,5 62,3 80,25 66,52 35,78 12,97 / 12,97 50,96 88,96",
        "15,20 45,2 76,18 66,48 40,75 16,92 22,76 45,84 68,97 92,88",
    ],
    3: [
        "15,12 42,0 74,10 76,32 42,47 / 42,47 78,56 84,80 55,99 12,88",
        "14,3 45,2 78,3 / 78,3 44,42 / 44,42 80,52 85,80 50,100 12,88",
    ],
    4: [
        "66,0 36,36 6,68 / 6,68 50,67 94,66 / 68,36 67,70 66,100",
        "20,2 16,28 14,50 / 14,50 50,50 80,48 / 78,0 77,50 74,100",
        "70,0 8,62 / 8,62 92,62 / 70,0 69,100",
    ],
    5: [
        "80,2 50,2 22,3 / 22,3 18,42 / 18,42 50,36 82,52 80,82 48,100 12,90",
        "24,5 20,45 55,40 82,62 70,92 36,100 10,88 / 24,5 55,6 84,2",
    ],
    6: [
        "72,2 36,22 14,60 24,92 56,99 82,80 74,56 44,52 18,70",
        "50,0 20,35 12,72 40,100 76,88 78,62 48,50 16,68",
    ],
    7: [
        "10,4 50,3 88,3 / 88,3 60,45 40,100",
        "12,5 50,4 86,3 / 86,3 58,48 42,100 / 34,50 80,48",
        "12,16 13,4 / 13,4 50,6 86,2 / 86,2 55,50 45,100",
    ],
    8: [
        "76,14 48,0 22,16 34,40 64,56 82,80 50,100 18,82 34,56 64,38 78,16",
        "50,46 24,26 50,2 76,24 50,46 / 50,46 16,74 50,100 84,74 50,46",
    ],
    9: [
        "80,16 50,2 20,20 26,46 56,50 80,20 78,60 74,100",
        "78,10 42,2 16,26 36,50 70,36 80,10 80,56 60,90 24,98",
    ],
}
# Larger images are left out of the committed set.
MOST_BYTES = 8000
PAPERS = ("plain", "uneven light", "lined", "squared", "textured", "transparent")


def curve(points: np.ndarray, steps: int = 24) -> np.ndarray:
    """A Catmull-Rom curve through points, of shape (n, 2)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*pieces, points[-1:]])


def ink_of(digit: int, rng: np.random.Generator, height: float, pen: float, size: tuple[int, int], place=(0.5, 0.5)):
    """Cover, 0 to 1, of each pixel of an image (width, height) by a digit of so many pixels height."""
    strokes = GLYPHS[digit][rng.integers(len(GLYPHS[digit]))].split(" / ")
    slant, turn = rng.uniform(-0.1, 0.35), np.deg2rad(rng.normal(0, 4))
    width = rng.uniform(0.5, 0.8)
    lines = []
    for stroke in strokes:
        knots = np.array([[float(value) / 100 for value in point.split(",")] for point in stroke.split()])
        points = curve(knots + rng.normal(0, 0.014, knots.shape)) - 0.5
        points = points * [width, 1] - np.outer(points[:, 1], [slant, 0])
        lines.append(points @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] * height)
    low, high = np.concatenate(lines).min(0) - pen / 2, np.concatenate(lines).max(0) + pen / 2
    free = np.array(size) - (high - low)
    shift = np.array(place) * free - low
    scale = 4 if max(size) < 700 else 2
    image = Image.new("L", (size[0] * scale, size[1] * scale))
    draw = ImageDraw.Draw(image)
    for line in lines:
        path = [tuple(point) for point in (line + shift) * scale]
        draw.line(path, fill=255, width=max(1, round(pen * scale)), joint="curve")
        radius = pen * scale / 2
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image.resize(size, Image.Resampling.BOX), np.float32) / 255


def scene(digits: Sequence[int], rng: np.random.Generator, paper: str) -> tuple[Image.Image, str]:
    """An image of a digit, or of a line of digits, and how it should be saved: PNG, JPEG, ..."""
    height = int(np.exp(rng.uniform(np.log(22), np.log(300))))
    pen = max(1.0, height * np.exp(rng.uniform(np.log(0.025), np.log(0.16))))
    margin = rng.choice([0.0, 0.15, 0.6, 1.5]) if len(digits) == 1 else 0.5
    side = int(height * (1 + 2 * margin) + pen) + 2
    slot = (side, side) if len(digits) == 1 else (int(height * 1.05 + pen), side)
    covers = [ink_of(digit, rng, height, pen, slot, tuple(rng.uniform(0.2, 0.8, 2))) for digit in digits]
    cover = np.concatenate(covers, 1)
    h, w = cover.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    texture = rng.normal(0, 1, (h, w)).astype(np.float32)
    # A pencil's stroke is broken by the paper's grain.
    cover *= np.clip(1 + rng.choice([0, 0.25]) * texture, 0, 1)
    page, dark = rng.uniform(0.75, 1), rng.uniform(0.0, 0.45)
    light = np.full((h, w), page, np.float32)
    if paper == "uneven light":
        a, b = rng.uniform(-0.35, 0.35, 2)
        light *= 1 + a * (x / w - 0.5) + b * (y / h - 0.5) - 0.15 * np.hypot(x / w - 0.5, y / h - 0.5)
    if paper in ("lined", "squared"):
        step, thick, tone = max(9, height * rng.uniform(0.35, 0.9)), max(1, pen * 0.2), rng.uniform(0.6, 0.85)
        ruled = np.mod(y - rng.uniform(0, step), step) < thick
        if paper == "squared":
            ruled |= np.mod(x - rng.uniform(0, step), step) < thick
        light = np.where(ruled, light * tone, light)
    if paper == "textured":
        light += 0.2 * uniform_filter(texture, 4) * page
    grey = light * (1 - cover) + dark * page * cover
    grey += rng.choice([0, 0.02, 0.05]) * rng.normal(0, 1, (h, w))
    pixels = (255 * np.clip(grey, 0, 1)).astype(np.uint8)
    if paper == "transparent":
        tone = np.full((h, w, 3), rng.choice([0, 20, 235, 255]), np.uint8)
        return Image.fromarray(np.dstack([tone, (255 * cover).astype(np.uint8)])), "PNG"
    image = Image.fromarray(pixels)
    if rng.random() < 0.3:
        image = Image.fromarray(255 - pixels)
    elif rng.random() < 0.3:
        tint = rng.uniform(0.8, 1, 3)
        image = Image.fromarray((pixels[..., None] * tint).astype(np.uint8))
    if rng.random() < 0.25:
        draw = ImageDraw.Draw(image)
        for _ in range(rng.integers(1, 5)):
            x0, y0 = rng.uniform(0, w), rng.uniform(0, h)
            box = (x0, y0, x0 + pen / 2, y0 + pen / 2)
            draw.ellipse(box, fill=(int(255 * dark),) * len(image.getbands()))
    return image, str(rng.choice(["PNG", "JPEG", "PNG"]))


def drawn(seed: int, digits: Sequence[int] | None = None, paper: str | None = None) -> tuple[list[int], bytes]:
    """One image's digits and content."""
    rng = np.random.default_rng(seed)
    digits = list(digits) if digits is not None else [seed % 10]
    image, kind = scene(digits, rng, paper or PAPERS[(seed // 10) % len(PAPERS)])
    content = io.BytesIO()
    image.save(content, kind, **({"quality": int(rng.integers(40, 95))} if kind == "JPEG" else {}))
    return digits, content.getvalue()


def main() -> None:
    """Write the committed set."""
    FOLDER.mkdir(exist_ok=True)
    for seed in range(240):
        digits, content = drawn(seed)
        if len(content) > MOST_BYTES:
            continue
        # A JPEG named .png happens often, and must not matter.
        paper = PAPERS[(seed // 10) % len(PAPERS)].replace(" ", "_")
        (FOLDER / f"{digits[0]}_{paper}_{seed:03}.png").write_bytes(content)


if __name__ == "__main__":
    main()
