"""Pictures of the data: samples, what augmentation does to them, classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digitrec.figures.gallery import (
    GAP,
    HEAD,
    HEADING,
    SIDE,
    TITLE,
    canvas,
    fit_canvas,
    gallery,
    place_image,
    title_height,
)
from digitrec.figures.style import MOST_WIDTH, TRAIN, first_classes, folded, plain_style, shortened, text_width

SAMPLES_A_CLASS = 5
# Classes of which images are drawn, and at most so many side by side.
MOST_CLASSES, COLUMNS = 40, 10
# Classes that have a bar: of more, half as many of the largest and of the smallest.
MOST_BARS = 40


@plain_style()
def samples_figure(images: np.ndarray, labels: np.ndarray, classes: Sequence[str], ink: bool) -> Figure:
    """Draw the first images of each class, one below the other, ten classes side by side.

    Parameters
    ----------
    images, labels : array
        Of the training set: uint8 of shape (n, height, width, channels) and integers of shape (n,).
    classes : sequence of str
        Names.
    ink : bool
        Whether grey is ink, the highest value black.
    """
    shown = [folded(name) for name in classes[:MOST_CLASSES]]
    first = [np.flatnonzero(labels == k)[:SAMPLES_A_CLASS] for k in range(len(shown))]
    cell = max([SIDE, *(text_width(name, TITLE) for name in shown)]) + GAP
    columns = min(COLUMNS, len(shown), int(MOST_WIDTH / cell))
    title, step = title_height(shown), SIDE + GAP / 2
    band = title + max(map(len, first)) * step + GAP
    width, height = columns * cell, HEAD + -(-len(shown) // columns) * band
    figure = Figure(figsize=(width, height))
    axes = canvas(figure)
    heading = f"Training images{first_classes(classes, MOST_CLASSES)}"
    axes.text(width / 2, HEAD / 2, heading, fontsize=HEADING, ha="center", va="center")
    for k, (name, rows) in enumerate(zip(shown, first, strict=True)):
        left, top = k % columns * cell, HEAD + k // columns * band + title
        axes.text(left + cell / 2, top - 0.03, name, fontsize=TITLE, ha="center", va="bottom")
        for line, row in enumerate(rows):
            place_image(axes, images[row], (left + (cell - SIDE) / 2, top + line * step, SIDE), ink)
    fit_canvas(axes, width, height)
    return figure


@plain_style()
def augmentation_figure(samples: np.ndarray, rows: Sequence[str], classes: Sequence[str], ink: bool) -> Figure:
    """Draw images as they are and after each kind of augmentation.

    Parameters
    ----------
    samples : array
        uint8 of shape (kinds, classes, height, width, channels).
    rows : sequence of str
        What was done: a title a kind, of a line or more.
    classes : sequence of str
        Names, an image each.
    ink : bool
        Whether grey is ink, the highest value black.
    """
    names = [folded(name) for name in classes]
    cell = max([SIDE, *(text_width(name, TITLE) for name in names)]) + GAP / 2
    margin = max(text_width(row, TITLE) for row in rows) + GAP
    # A kind is as high as its image, or its title.
    heights = [max(SIDE + GAP / 2, title_height([row]) + GAP) for row in rows]
    head = 2 * HEAD + title_height(names) - GAP
    width, height = margin + len(names) * cell, head + sum(heights)
    figure = Figure(figsize=(width, height))
    axes = canvas(figure)
    heading = "Training images after augmentation\n(amounts drawn at random within those stated)"
    axes.text(width / 2, HEAD, heading, fontsize=HEADING, ha="center", va="center")
    for k, name in enumerate(names):
        axes.text(margin + (k + 0.5) * cell, head - 0.03, name, fontsize=TITLE, ha="center", va="bottom")
    top = head
    for row, title, high in zip(samples, rows, heights, strict=True):
        axes.text(margin - GAP / 2, top + high / 2, title, fontsize=TITLE, ha="right", va="center")
        for k, pixels in enumerate(row):
            place_image(axes, pixels, (margin + k * cell + (cell - SIDE) / 2, top + (high - SIDE) / 2, SIDE), ink)
        top += high
    fit_canvas(axes, width, height)
    return figure


@plain_style()
def classes_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw how many images of each class there are for training and for testing.

    Parameters
    ----------
    rows : sequence of mapping
        class (its name), train and test: counts, also as text. Of more than 40 classes, the 20 with the most training
        images and the 20 with the fewest are drawn.
    """
    shown, between = list(rows), None
    if len(rows) > MOST_BARS:
        order = sorted(rows, key=lambda row: -int(row["train"]))
        half = MOST_BARS // 2
        shown, between = order[:half] + order[-half:], len(order) - 2 * half
    names = max(text_width(shortened(str(row["class"])), 9) for row in shown)
    figure = Figure(figsize=(8 + 2 * names, 0.24 * len(shown) + (1.6 if between else 1.1)), layout="constrained")
    if between:
        heading = f"The {MOST_BARS // 2} classes with the most training images and the {MOST_BARS // 2} with the fewest"
        figure.suptitle(f"{heading} of {len(rows)}", fontsize=11)
    for axes, (part, title) in zip(figure.subplots(1, 2), {"train": "Training", "test": "Test"}.items(), strict=True):
        _draw_counts(axes, [int(row[part]) for row in shown], [str(row["class"]) for row in shown], bool(between))
        counts = [int(row[part]) for row in rows]
        axes.axvline(sum(counts) / len(rows), color="black", linestyle=":")
        axes.set_title(f"{title}: {sum(counts):,} images (dotted: equal shares)", fontsize=10)
    return figure


def _draw_counts(axes: Axes, counts: Sequence[int], names: Sequence[str], gap: bool) -> None:
    places = np.arange(len(counts), dtype=float)
    if gap:
        places[len(counts) // 2 :] += 1
        axes.text(0, len(counts) // 2, " …", va="center")
    bars = axes.barh(places, counts, color=TRAIN)
    most = max(1, *counts)
    for bar, count in zip(bars, counts, strict=True):
        inside = count > 0.25 * most
        axes.text(
            0.02 * most if inside else count + 0.01 * most,
            bar.get_y() + bar.get_height() / 2,
            f"{count:,}",
            va="center",
            color="white" if inside else "black",
            fontsize=8,
        )
    axes.set_yticks(places, [shortened(name) for name in names], fontsize=9)
    axes.set_xlabel("images")
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)


def means_figure(means: np.ndarray, classes: Sequence[str], ink: bool) -> Figure:
    """Draw the mean image of each class, uint8 of shape (classes, height, width, channels)."""
    names = [folded(name) for name in classes[:MOST_CLASSES]]
    heading = f"Mean training image of each class{first_classes(classes, MOST_CLASSES)}"
    return gallery(means[:MOST_CLASSES], names, heading, COLUMNS, ink)
