"""How well classifiers hold: a table in colours, and an image under each condition."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from digitrec.figures.gallery import gallery
from digitrec.figures.style import folded, plain_style, shortened

MEAN = "mean of the corruptions"


@plain_style()
def robustness_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw accuracies as a table: conditions by classifiers, darker where more is wrong.

    Parameters
    ----------
    rows : sequence of mapping
        classifier, condition, kind (clean, corruption, white_box or transferred) and accuracy, a number, also as text.
    """
    accuracy = {(row["condition"], row["classifier"]): 100 * float(row["accuracy"]) for row in rows}
    kinds = {row["condition"]: row["kind"] for row in rows}
    corruptions = [condition for condition, kind in kinds.items() if kind == "corruption"]
    mean = {
        name: float(np.mean([accuracy[condition, name] for condition in corruptions]))
        for name in dict.fromkeys(row["classifier"] for row in rows)
    }
    accuracy |= {(MEAN, name): value for name, value in mean.items()}
    classifiers = sorted(mean, key=lambda name: -mean[name])
    conditions = [condition for condition, kind in kinds.items() if kind in ("clean", "corruption")]
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
    figure.supxlabel("test accuracy, %; attacks: white-box on final,\nits images transferred to the others", fontsize=9)
    return figure


def title(condition: str) -> str:
    """Name a condition as a reader would: `pgd_0.1` is PGD, eps 0.1."""
    attack, _, eps = condition.partition("_")
    return f"{attack.upper()}, eps {eps}" if attack in ("fgsm", "pgd") else condition.replace("_", " ")


def samples_figure(images: np.ndarray, rows: Sequence[Mapping[str, Any]], classes: Sequence[str], ink: bool) -> Figure:
    """Draw one image under each condition, with what the network takes it for.

    Parameters
    ----------
    images : array
        uint8 of shape (conditions, height, width, channels).
    rows : sequence of mapping
        Of each condition: condition (its name), answer and label, numbers of classes.
    classes : sequence of str
        Names.
    ink : bool
        Whether grey is ink, the highest value black.
    """
    titles = [f"{title(row['condition'])}\n→ {folded(classes[row['answer']])}" for row in rows]
    name = shortened(classes[rows[0]["label"]])
    return gallery(images, titles, f"'{name}' under each condition, and what the final network takes it for", 8, ink)
