"""Whether probabilities mean what they say."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digitrec.figures.style import TRAIN, VALID, plain_style


@plain_style()
def calibration_figure(
    reliability: Sequence[Mapping[str, Any]], coverage: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]
) -> Figure:
    """Draw test images: accuracy by stated probability, and accuracy by the share of images that are answered.

    Parameters
    ----------
    reliability : sequence of mapping
        stage (before or after), n, confidence, accuracy, accuracy_low and accuracy_high of each bin: numbers, also as
        text.
    coverage : sequence of mapping
        coverage and accuracy, from all answers to the surest.
    metrics : mapping
        temperature and threshold, as chosen on validation images; notes, what these cannot tell; before and after with
        ece and ece_ci95; answered with answered, coverage and accuracy.
    """
    notes = [line for note in metrics["notes"] for line in wrap(f"Note: {note}", 140)]
    figure = Figure(figsize=(10, 4.4 + 0.18 * len(notes)), layout="constrained")
    left, right = figure.subplots(1, 2)
    if notes:
        figure.suptitle("\n".join(notes), fontsize=9, color=VALID)
    _draw_reliability(left, reliability, metrics)
    _draw_coverage(right, coverage, metrics)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_reliability(axes: Axes, rows: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="perfect")
    temperature = metrics["temperature"]
    # Where it is 1, both are the same.
    stages = {"after": ("the network's own", TRAIN)}
    if temperature != 1:
        stages = {"before": ("before", VALID), "after": (f"after, T = {temperature:.2f}", TRAIN)}
    for stage, (name, colour) in stages.items():
        filled = [row for row in rows if row["stage"] == stage and float(row["n"])]
        keys = ("confidence", "accuracy", "accuracy_low", "accuracy_high")
        stated, right, low, high = np.array([[float(row[key]) for key in keys] for row in filled]).reshape(-1, 4).T
        # Most answers are nearly sure: an area by count would leave the others invisible.
        sizes = 12 * np.log1p([float(row["n"]) for row in filled])
        axes.vlines(stated, low, high, color=colour, alpha=0.4)
        error, (least, most) = 100 * metrics[stage]["ece"], (100 * value for value in metrics[stage]["ece_ci95"])
        label = f"{name}: ECE {error:.2f} % ({least:.2f} to {most:.2f})"
        axes.scatter(stated, right, s=sizes, color=colour, label=label, zorder=3)
    axes.set(xlabel="probability of the answer", ylabel="share that is right", xlim=(0, 1.02), ylim=(-0.02, 1.02))
    axes.set_title("Reliability, test set (15 bins with 95 % intervals; larger dot: more answers)", fontsize=10)
    # Below: intervals may reach anywhere above.
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=1, fontsize=9)


def _draw_coverage(axes: Axes, rows: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> None:
    shares, accuracies = ([100 * float(row[key]) for row in rows] for key in ("coverage", "accuracy"))
    axes.plot(shares, accuracies, color=TRAIN)
    lowest = max(0.0, shares[0] - 8)
    chosen = metrics["answered"]
    if chosen["answered"]:
        place = (100 * chosen["coverage"], 100 * chosen["accuracy"])
        lowest = min(lowest, max(0.0, place[0] - 8))
        axes.plot(place[0], place[1], "o", color=VALID)
        text = f"threshold {metrics['threshold']:.3f}:\n{place[0]:.2f} % answered,\n{place[1]:.2f} % of them right"
    else:
        text = "no answer is sure enough"
    axes.text(0.04, 0.06, text, transform=axes.transAxes, fontsize=9, color=VALID)
    axes.set(xlabel="images answered, %", ylabel="answers right, %")
    axes.set_xlim(lowest, 100 + 0.02 * (100 - lowest))
    axes.set_title("Accuracy when unsure answers are left out, test set", fontsize=10)
