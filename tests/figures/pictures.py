"""Images and names that the tests of pictures share."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from digitrec.figures.style import save_figure

DIGITS = [str(k) for k in range(10)]
MANY = [f"{folder}/character{k:02}" for folder in ("Greek", "Japanese_(katakana)") for k in range(1, 69)]


def some_images(n: int, side: int = 8, channels: int = 1) -> np.ndarray:
    """Slopes: noise would make files of many pictures large."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 1, side)
    plane = slope[:, None, None] * rng.random((n, 1, 1, channels)) + slope[:, None] * rng.random((n, 1, 1, channels))
    return (127 * plane).astype(np.uint8)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def shown(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def check_png(figure: Figure, folder: Path) -> None:
    """Write it: a small file, of a size that a screen shows."""
    save_figure(figure, folder / "a.png")
    assert 1_000 < (folder / "a.png").stat().st_size < 500_000
    height, width = imread(folder / "a.png").shape[:2]
    assert 40 < height < 2600
    assert 100 < width < 1700
