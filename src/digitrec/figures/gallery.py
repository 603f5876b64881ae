"""Images in a grid, each under its title."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from digitrec.figures.style import MOST_WIDTH, folded, plain_style, text_width

# Inches: the longer side of an image, the gap between two, the heading's height.
SIDE, GAP, HEAD = 0.78, 0.12, 0.35
# Points.
TITLE, HEADING = 8, 11


def place_image(axes: Axes, pixels: np.ndarray, box: Sequence[float], ink: bool) -> None:
    """Draw one image within a square.

    Parameters
    ----------
    axes : Axes
        Its y axis leads down.
    pixels : array
        uint8 of shape (height, width, channels), 1 (grey) or 3 (red, green, blue).
    box : sequence of float
        The square's left and upper edge and its side, in the axes' units.
    ink : bool
        Whether grey is ink: the highest value black. Otherwise it is light: the highest value white.
    """
    left, top, side = box
    height, width = (side * size / max(pixels.shape[:2]) for size in pixels.shape[:2])
    left, top = left + (side - width) / 2, top + (side - height) / 2
    grey = pixels.shape[2] == 1
    axes.imshow(
        pixels[..., 0] if grey else pixels,
        cmap="gray_r" if ink else "gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
        extent=(left, left + width, top + height, top),
    )
    frame = Rectangle((left, top), width, height, facecolor="none", edgecolor="lightgray", linewidth=0.6)
    axes.add_patch(frame)


def canvas(figure: Figure | SubFigure) -> Axes:
    """Cover a figure with axes without lines, measured in inches from the upper left corner."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return axes


def fit_canvas(axes: Axes, width: float, height: float) -> None:
    """Give a canvas its size, after its images: each of them changes the limits."""
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_aspect("auto")


def title_height(titles: Sequence[str]) -> float:
    """Give the height of the tallest title, inches."""
    return max((title.count("\n") + 1 for title in titles), default=1) * 1.25 * TITLE / 72 + 0.04


@plain_style()
def gallery(images: np.ndarray, titles: Sequence[str], heading: str, columns: int = 10, ink: bool = True) -> Figure:
    """Draw images in a grid, each under its title.

    Parameters
    ----------
    images : array
        uint8 of shape (n, height, width, channels).
    titles : sequence of str
        n of them, of a line or more each.
    heading : str
    columns : int
        Images a row, at most: fewer where the titles are wide.
    ink : bool
        Whether grey is ink, the highest value black.
    """
    cell = max([SIDE, *(text_width(title, TITLE) for title in titles)]) + GAP
    columns = max(1, min(columns, int(MOST_WIDTH / cell)))
    rows = max(1, -(-len(images) // columns))
    head = HEAD * (heading.count("\n") + 1)
    size = (columns * cell, head + rows * (SIDE + title_height(titles) + GAP))
    figure = Figure(figsize=size)
    _draw(figure, size, images, titles, heading, columns, ink)
    return figure


@plain_style()
def draw_gallery(
    figure: Figure | SubFigure, images: np.ndarray, titles: Sequence[str], heading: str, columns: int, ink: bool = True
) -> None:
    """Draw what `gallery` draws on a figure that is there, or on a part of one, as large as there is room."""
    width, height = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    _draw(figure, (width, height), images, titles, heading, columns, ink)


def _draw(
    figure: Figure | SubFigure,
    size: Sequence[float],
    images: np.ndarray,
    titles: Sequence[str],
    heading: str,
    columns: int,
    ink: bool,
) -> None:
    width, height = size
    rows = max(1, -(-len(images) // columns))
    head, title = HEAD * (heading.count("\n") + 1), title_height(titles)
    across, down = width / columns, (height - head) / rows
    side = max(0.1, min(across, down - title) - GAP)
    axes = canvas(figure)
    axes.text(width / 2, head / 2, heading, fontsize=HEADING, ha="center", va="center")
    for number, (pixels, text) in enumerate(zip(images, titles, strict=True)):
        left, top = number % columns * across, head + number // columns * down
        axes.text(left + across / 2, top + title - 0.03, text, fontsize=TITLE, ha="center", va="bottom")
        place_image(axes, pixels, (left + (across - side) / 2, top + title, side), ink)
    fit_canvas(axes, width, height)


def answer_title(label: str, predicted: str, probability: float) -> str:
    """Say what an image is, what it was taken for, and how surely: in two lines, or in more where names are long."""
    between = " " if len(label) + len(predicted) <= 10 else "\n"
    return f"{folded(label)}{between}→ {folded(predicted)}\n{100 * probability:.0f} %"


def errors_figure(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], n_shown: int, ink: bool
) -> Figure:
    """Draw wrong answers, the most confident first.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
    probabilities : array
        Floats of shape (n, classes).
    classes : sequence of str
        Names.
    n_shown : int
        Drawn at most.
    ink : bool
        As for `gallery`.
    """
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:n_shown]
    titles = [answer_title(classes[labels[k]], classes[predicted[k]], confidence[k]) for k in shown]
    heading = f"Wrong answers: {len(shown)} of {len(wrong)}, the most confident first (label → predicted, probability)"
    return gallery(images[shown], titles, heading, ink=ink)
