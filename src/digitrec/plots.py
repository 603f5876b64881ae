"""Figures, as small PNGs that are the same bytes whenever the numbers are the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from digitrec.artifacts import replacing

TRAIN, VALID = "#1f6f8b", "#d1603d"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})


def history_figure(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss and accuracy by epoch.

    Parameters
    ----------
    rows : sequence of mapping
        epoch, train_loss, valid_loss, train_accuracy, valid_accuracy.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, kind in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, name, colour in (("train", "training", TRAIN), ("valid", "validation", VALID)):
            axes.plot(epochs, [row[f"{part}_{kind}"] for row in rows], "o-", ms=3, color=colour, label=name)
        axes.set(xlabel="epoch", ylabel=kind)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def confusion_figure(confusion: np.ndarray) -> Figure:
    """Draw a confusion matrix; colours show errors, the diagonal is left white.

    Parameters
    ----------
    confusion : array
        Counts of shape (classes, classes): label by prediction.
    """
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    draw_confusion(figure.subplots(), confusion, "Confusion matrix, test set")
    return figure


def draw_confusion(axes: Axes, confusion: np.ndarray, title: str) -> None:
    """Draw what `confusion_figure` draws on axes that are there."""
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    image = axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
    axes.figure.colorbar(image, ax=axes, label="errors", shrink=0.8, ticks=MaxNLocator(integer=True))
    for row, column in np.ndindex(*confusion.shape):
        count = confusion[row, column]
        strong = errors[row, column] > errors.max() * 0.6
        weight = "bold" if row == column else "normal"
        axes.text(
            column,
            row,
            count or "",
            ha="center",
            va="center",
            color="white" if strong else "black",
            fontsize=8,
            weight=weight,
        )
    ticks = np.arange(len(confusion))
    axes.set(xticks=ticks, yticks=ticks, xlabel="predicted", ylabel="label", title=title)


def gallery(images: np.ndarray, titles: Sequence[str], heading: str, columns: int = 10) -> Figure:
    """Draw images in a grid, each under its title.

    Parameters
    ----------
    images : array
        Of shape (n, h, w), the highest value darkest.
    titles : sequence of str
        n of them.
    heading : str
    columns : int
        Images a row.
    """
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(columns * 0.9, rows * 1.1 + 0.5), layout="constrained")
    draw_gallery(figure, images, titles, heading, columns)
    return figure


def draw_gallery(
    figure: Figure | SubFigure, images: np.ndarray, titles: Sequence[str], heading: str, columns: int
) -> None:
    """Draw what `gallery` draws on a figure that is there, or on a part of one."""
    rows = max(1, -(-len(images) // columns))
    figure.suptitle(heading, fontsize=11)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, image, title in zip(grid, images, titles, strict=False):
        axes.imshow(image, cmap="gray_r", interpolation="nearest")
        axes.set_title(title, fontsize=8)


def comparison_figure(scores: Mapping[str, Mapping[str, object]]) -> Figure:
    """Draw error rates with 95 % intervals, the best on top.

    Parameters
    ----------
    scores : mapping
        By name: accuracy, accuracy_ci95 and errors.
    """
    names = sorted(scores, key=lambda name: scores[name]["accuracy"])
    error = np.array([100 * (1 - scores[name]["accuracy"]) for name in names])
    # An upper bound of the accuracy is a lower bound of the error.
    low = np.array([100 * (1 - scores[name]["accuracy_ci95"][1]) for name in names])
    high = np.array([100 * (1 - scores[name]["accuracy_ci95"][0]) for name in names])
    figure = Figure(figsize=(8, 0.45 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = [VALID if name == "final" else TRAIN for name in names]
    axes.barh(names, error, color=colours, xerr=[error - low, high - error], error_kw={"capsize": 3})
    for place, (name, top) in enumerate(zip(names, high, strict=True)):
        axes.text(top * 1.06, place, f"{100 * scores[name]['accuracy']:.2f} % right", va="center", fontsize=8)
    axes.set(xlabel="test error, % (log scale; bars: 95 % intervals)", xscale="log")
    axes.set_xlim(max(error.min(), 0.05) / 2, high.max() * 3)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
