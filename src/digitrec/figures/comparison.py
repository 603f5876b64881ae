"""The final model beside the baselines."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from digitrec.figures.style import TRAIN, VALID, plain_style


@plain_style()
def comparison_figure(rows: Sequence[Mapping[str, str | float]]) -> Figure:
    """Draw error rates with 95 % intervals, the best on top.

    Parameters
    ----------
    rows : sequence of mapping
        name, accuracy, accuracy_low and accuracy_high: numbers, also as text.
    """
    rows = sorted(rows, key=lambda row: float(row["accuracy"]))
    names = [str(row["name"]) for row in rows]
    # An upper bound of the accuracy is a lower bound of the error.
    error, low, high = (
        np.array([100 * (1 - float(row[key])) for row in rows]) for key in ("accuracy", "accuracy_high", "accuracy_low")
    )
    figure = Figure(figsize=(8, 0.45 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = [VALID if name == "final" else TRAIN for name in names]
    bars = np.maximum(0, [error - low, high - error])
    axes.barh(names, error, color=colours, xerr=bars, error_kw={"capsize": 3})
    for place, (value, top) in enumerate(zip(error, high, strict=True)):
        axes.text(top * 1.06, place, f"{100 - value:.2f} % right", va="center", fontsize=8)
    axes.set(xlabel="test error, % (log scale; bars: 95 % intervals)", xscale="log")
    axes.set_xlim(max(error.min(), 0.05) / 2, high.max() * 3)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    return figure
