"""Pictures of the published systems' runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digitrec.figures.confusion import draw_confusion
from digitrec.figures.gallery import answer_title, draw_gallery, gallery
from digitrec.figures.style import TRAIN, VALID, plain_style

TEST = "#5b8c3e"
FIRST_DIGITS, WRONG_DIGITS = 10, 20


def confused_pairs(confusion: np.ndarray) -> list[tuple[int, int, int]]:
    """Rank unordered pairs of classes by errors both ways.

    Parameters
    ----------
    confusion : array
        Counts of shape (classes, classes): label by prediction.

    Returns
    -------
    list of (class, class, errors)
        The most confused first.
    """
    first, second = np.triu_indices(len(confusion), 1)
    errors = confusion[first, second] + confusion[second, first]
    order = np.argsort(-errors, kind="stable")
    return [(int(first[k]), int(second[k]), int(errors[k])) for k in order]


@plain_style()
def system_figure(
    measurement: Mapping[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
) -> Figure:
    """Draw loss and accuracy by epoch, the confusion matrix, and test digits with predictions.

    Parameters
    ----------
    measurement : mapping
        What stage train-system wrote, of one run or more.
    images, labels : array
        Of the test set: uint8 of shape (n, height, width, channels), integers of shape (n,).
    probabilities : array
        The first run's, floats of shape (n, classes).
    classes : sequence of str
        Names.
    """
    runs = measurement["runs"]
    accuracy = [100 * run["test"]["accuracy"] for run in runs]
    figure = Figure(figsize=(13, 10), layout="constrained")
    spread = f" ({min(accuracy):.2f} to {max(accuracy):.2f} over {len(runs)} seeds)" if len(runs) > 1 else " (one seed)"
    shortened = ", shortened" if measurement["shortened"] else ""
    figure.suptitle(
        f"{measurement['system']}: test accuracy {np.mean(accuracy):.2f} %{spread}; "
        f"{measurement['n_parameters']:,} parameters, {measurement['epochs']} epochs{shortened}",
        fontsize=14,
    )
    (top,), (bottom,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.5])
    for axes, kind in zip(top.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _draw_curves(axes, [run["history"] for run in runs], kind)
    left, right = bottom.subfigures(1, 2, width_ratios=[1.15, 1])
    confusion = np.sum([run["confusion"] for run in runs], axis=0)
    pairs = ", ".join(
        f"{classes[first]}/{classes[second]} ({errors})" for first, second, errors in confused_pairs(confusion)[:5]
    )
    draw_confusion(left.subplots(), confusion, f"Test set, all seeds. Most confused: {pairs}", classes)
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:WRONG_DIGITS]
    shown = np.concatenate([np.arange(min(FIRST_DIGITS, len(labels))), wrong])
    titles = [answer_title(classes[labels[k]], classes[predicted[k]], confidence[k]) for k in shown]
    heading = "First test digits, then the most confident errors (label → predicted)"
    draw_gallery(right, images[shown], titles, heading, columns=6)
    return figure


def _draw_curves(axes: Axes, histories: list[list[Mapping[str, float]]], kind: str) -> None:
    epochs = [row["epoch"] for row in histories[0]]
    lowest_last = 1.0
    for part, name, colour in (("train", "training", TRAIN), ("valid", "validation", VALID), ("test", "test", TEST)):
        key = f"{part}_{kind}"
        if key not in histories[0][0]:
            continue
        curves = np.array([[row[key] for row in history] for history in histories])
        axes.plot(epochs, curves.T, color=colour, lw=0.7, alpha=0.35)
        axes.plot(epochs, curves.mean(0), "o-", ms=3, color=colour, label=name)
        lowest_last = min(lowest_last, curves[:, -1].min())
    if kind == "accuracy" and lowest_last > 0.9:
        # What happens near the end is what differs.
        axes.set_ylim(bottom=max(0.9, axes.get_ylim()[0]))
    axes.set(xlabel="epoch", ylabel=kind)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def home_made_figure(
    system: str, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> Figure:
    """Draw digits of one's own with a system's answers.

    Parameters
    ----------
    system : str
    images, labels : array
        uint8 of shape (n, height, width, channels), integers of shape (n,).
    probabilities : array
        The first run's, floats of shape (n, classes).
    classes : sequence of str
        Names.
    """
    predicted = probabilities.argmax(1)
    titles = [
        answer_title(classes[label], classes[answer], confidence)
        for label, answer, confidence in zip(labels, predicted, probabilities.max(1), strict=True)
    ]
    right = int((predicted == labels).sum())
    heading = f"Drawn digits, read by {system}: {right} of {len(labels)} right (label → predicted, probability)"
    return gallery(images, titles, heading, columns=12)


@plain_style()
def training_time_figure(seconds: Mapping[str, float], published: Mapping[str, float]) -> Figure:
    """Draw a bar a system, its training time, with the published one beside it where there is one.

    Parameters
    ----------
    seconds : mapping
        Mean training time of a run by system.
    published : mapping
        The same as published, on other hardware.
    """
    names = sorted(seconds, key=lambda name: seconds[name])
    figure = Figure(figsize=(8, 0.28 * len(names) + 1.4), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [seconds[name] for name in names], color=TRAIN, height=0.6, label="measured")
    known = [name for name in names if name in published]
    axes.plot([published[name] for name in known], known, "D", color=VALID, ms=6, label="published, on a GPU")
    for place, name in enumerate(names):
        axes.text(seconds[name] * 1.08, place, f"{seconds[name]:,.0f} s", va="center", fontsize=8)
    axes.set(xlabel="training time of one run, seconds (log scale)", xscale="log")
    axes.margins(x=0.15, y=0.02)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure
