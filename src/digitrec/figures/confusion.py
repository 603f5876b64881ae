"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digitrec.figures.style import TRAIN, VALID, plain_style, shortened, text_width

# Classes of which a matrix can still be read; of more, the pairs and the classes with the most errors are drawn.
MOST_CLASSES, MOST_BARS = 30, 30


def count_confusion(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count answers: integers of shape (classes, classes), label by prediction, for integers of shape (n,)."""
    cells = labels.astype(np.int64) * n_classes + predicted
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


@plain_style()
def confusion_figure(confusion: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix, or, of more than 30 classes, the most confused pairs and the classes of most errors.

    Parameters
    ----------
    confusion : array
        Counts of shape (classes, classes): label by prediction.
    classes : sequence of str
        Names.
    """
    if len(classes) > MOST_CLASSES:
        return _pairs_figure(confusion, classes)
    names = max(text_width(shortened(name), 9) for name in classes)
    side = max(3.2, 0.46 * len(classes)) + names
    figure = Figure(figsize=(side + 1.4, side + 0.8), layout="constrained")
    draw_confusion(figure.subplots(), confusion, "Confusion matrix, test set", classes)
    return figure


@plain_style()
def draw_confusion(axes: Axes, confusion: np.ndarray, title: str, classes: Sequence[str] | None = None) -> None:
    """Draw a matrix on axes that are there; colours show errors, the diagonal is left white. Without names: numbers."""
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    image = axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
    axes.figure.colorbar(image, ax=axes, label="errors", shrink=0.8, ticks=MaxNLocator(integer=True))
    size = 8 if confusion.max() < 10_000 and len(confusion) <= 15 else 7
    for row, column in np.argwhere(confusion):
        strong = errors[row, column] > errors.max() * 0.6
        axes.text(
            column,
            row,
            str(confusion[row, column]),
            ha="center",
            va="center",
            color="white" if strong else "black",
            fontsize=size,
            weight="bold" if row == column else "normal",
        )
    names = [shortened(name) for name in classes or map(str, range(len(confusion)))]
    ticks = np.arange(len(names))
    axes.set_xticks(ticks, names, rotation=90 if max(map(len, names)) > 4 else 0, fontsize=9)
    axes.set_yticks(ticks, names, fontsize=9)
    axes.set(xlabel="predicted", ylabel="label", title=title)


def _pairs_figure(confusion: np.ndarray, classes: Sequence[str]) -> Figure:
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:MOST_BARS]
    pairs = [(k // len(classes), k % len(classes)) for k in order if errors.flat[k]]
    by_class, n = errors.sum(1), confusion.sum(1)
    worst = [int(k) for k in np.argsort(-by_class, kind="stable")[:MOST_BARS] if by_class[k]]
    bars = (
        (
            f"Most confused: {len(pairs)} of {np.count_nonzero(errors)} pairs (label → predicted)",
            [f"{shortened(classes[a])} → {shortened(classes[b])}" for a, b in pairs],
            [int(errors[a, b]) for a, b in pairs],
            [str(errors[a, b]) for a, b in pairs],
        ),
        (
            f"Most errors: {len(worst)} of {len(classes)} classes",
            [shortened(classes[k]) for k in worst],
            [int(by_class[k]) for k in worst],
            [f"{by_class[k]} of {n[k]}" for k in worst],
        ),
    )
    names = sum(max((text_width(name, 8) for name in rows[1]), default=0) for rows in bars)
    height = 0.19 * max(3, len(pairs), len(worst)) + 1.4
    figure = Figure(figsize=(6 + names, height), layout="constrained")
    figure.suptitle(f"Test set: {errors.sum():,} errors in {confusion.sum():,} images of {len(classes)} classes")
    for axes, (title, labels, counts, texts), colour in zip(figure.subplots(1, 2), bars, (VALID, TRAIN), strict=True):
        places = np.arange(len(labels))
        axes.bar_label(axes.barh(places, counts, color=colour), texts, fontsize=8, padding=3)
        axes.set_yticks(places, labels, fontsize=8)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("errors")
        # As many rows in both, so that bars are of one height.
        axes.set(ylim=(max(3, len(pairs), len(worst)) - 0.4, -0.6), xlim=(0, 1.2 * max(counts, default=1)))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.spines[["top", "right"]].set_visible(False)
    return figure
