"""Pictures of how well classifiers hold: a table in colours, and a digit under each condition."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from digitrec.plots import gallery

MEAN = "mean of the corruptions"


def robustness_figure(rows: Sequence[Mapping[str, Any]], means: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw accuracies as a table: conditions by classifiers, darker where more is wrong.

    Parameters
    ----------
    rows : sequence of mapping
        classifier, condition, kind and accuracy, as `score_all` makes them.
    means : mapping
        By classifier: mean_corruption_error.
    """
    classifiers = sorted(means, key=lambda name: means[name]["mean_corruption_error"])
    accuracy = {(row["condition"], row["classifier"]): 100 * row["accuracy"] for row in rows}
    accuracy |= {(MEAN, name): 100 * (1 - mean["mean_corruption_error"]) for name, mean in means.items()}
    kinds = {row["condition"]: row["kind"] for row in rows}
    conditions = [condition for condition in kinds if kinds[condition] in ("clean", "corruption")]
    conditions += [MEAN, *(condition for condition in kinds if condition not in conditions)]
    table = np.array([[accuracy[condition, name] for name in classifiers] for condition in conditions])

    figure = Figure(figsize=(1.5 + 0.95 * len(classifiers), 1.2 + 0.3 * len(conditions)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(100 - table, cmap="Oranges", vmin=0, vmax=110, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        strong = "bold" if conditions[row] == MEAN else "normal"
        colour = "white" if value < 30 else "black"
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=9, weight=strong, color=colour)
    axes.set_xticks(range(len(classifiers)), [name.replace("_", "\n") for name in classifiers], fontsize=9)
    axes.set_yticks(range(len(conditions)), [title(condition) for condition in conditions], fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    # A line above the means and one below it.
    for place in (0, conditions.index(MEAN) - 1, conditions.index(MEAN)):
        axes.axhline(place + 0.5, color="white", linewidth=3)
    axes.set_xlabel(
        "test accuracy, %; attacks: white-box on final, its images transferred to the others", fontsize=9, loc="right"
    )
    return figure


def title(condition: str) -> str:
    """Name a condition as a reader would: `pgd_0.1` is PGD, eps 0.1."""
    attack, _, eps = condition.partition("_")
    return f"{attack.upper()}, eps {eps}" if attack in ("fgsm", "pgd") else condition.replace("_", " ")


def samples_figure(sets: Mapping[str, np.ndarray], answers: Mapping[str, np.ndarray], label: int) -> Figure:
    """Draw the first image under each condition, with what the network takes it for.

    Parameters
    ----------
    sets : mapping
        Images by condition, each set beginning with the same one: uint8 of shape (n, 28, 28), or floats from 0 to 1.
    answers : mapping
        The network's by condition: integers of shape (n,).
    label : int
        Of the first image.
    """
    pixels = np.stack([images[0] / 255 if images.dtype == np.uint8 else images[0] for images in sets.values()])
    titles = [f"{title(condition)}\n→ {answers[condition][0]}" for condition in sets]
    figure = gallery(pixels, titles, f"A {label} under each condition, and what the final network takes it for", 8)
    # Greys as they are: by itself each picture would be stretched from black to white.
    for axes in figure.axes:
        for image in axes.images:
            image.set_clim(0, 1)
    return figure
