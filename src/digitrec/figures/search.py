"""What a search found: score by parameter, and the folds of the best candidates."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from digitrec.figures.style import TRAIN, VALID, plain_style

# Candidates whose folds are drawn.
TOP = 12
Row = Mapping[str, str]


def tried(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Give the values of each parameter of which more than one was tried, in order; of all if there is none."""
    space = {key: sorted({row[key] for row in rows}, key=_order) for key in takewhile(lambda k: k != "round", rows[0])}
    return {key: values for key, values in space.items() if len(values) > 1} or space


def _order(value: str) -> tuple[bool, float, str]:
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


@plain_style()
def search_figure(rows: Sequence[Row]) -> Figure:
    """Draw each candidate's score over each parameter that was varied, and the folds of the best candidates.

    Parameters
    ----------
    rows : sequence of mapping
        As text, one a candidate, best first: its parameters, then round (the last that it reached), n_images where
        rounds differ in it, score, score_std, score_1 and so on. A candidate that failed has the score nan and is
        left out.
    """
    varied = tried(rows)
    rows = [row for row in rows if np.isfinite(float(row["score"] or "nan"))]
    columns = min(4, len(varied))
    lines = -(-len(varied) // columns)
    n_top = min(TOP, len(rows))
    heights = [2.3 * lines + 0.4, 0.3 * n_top + 1.3]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=heights)
    _draw_parameters(figure.add_subfigure(grid[0]), rows, varied, lines, columns)
    _draw_folds(figure.add_subfigure(grid[1]).subplots(), rows[:n_top], varied)
    return figure


def _draw_parameters(
    figure: SubFigure, rows: Sequence[Row], varied: Mapping[str, list[str]], lines: int, columns: int
) -> None:
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(varied) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy, mean of folds")
    rounds = sorted({int(row["round"]) for row in rows})
    colours = colormaps["viridis"](np.linspace(0.85, 0.1, len(rounds)))
    for axes, (key, values) in zip(grid.flat, varied.items(), strict=False):
        for number, colour in zip(rounds, colours, strict=True):
            chosen = [row for row in rows if int(row["round"]) == number]
            # Side by side within a value, in the order of their rank: the same picture each time.
            spread = np.linspace(-0.3, 0.3, len(chosen)) if len(chosen) > 1 else [0.0]
            places = [values.index(row[key]) + shift for row, shift in zip(chosen, spread, strict=True)]
            images = f": {int(chosen[0]['n_images']):,} images" if "n_images" in chosen[0] else ""
            scores = [float(row["score"]) for row in chosen]
            axes.plot(places, scores, "o", ms=3.5, alpha=0.7, color=colour, label=f"round {number}{images}")
        axes.set(xticks=range(len(values)), xticklabels=values, title=key)
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.grid(axis="y", alpha=0.3)
    figure.suptitle("Score of every candidate in the last round that it reached")
    if len(rounds) > 1:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(rounds), frameon=False)


def _draw_folds(axes: Axes, rows: Sequence[Row], varied: Mapping[str, list[str]]) -> None:
    for place, row in enumerate(rows):
        folds = [float(value) for key, value in row.items() if key.startswith("score_") and key != "score_std"]
        axes.plot(folds, [place] * len(folds), "o", ms=4, color=TRAIN, alpha=0.8)
        axes.plot([float(row["score"])] * 2, [place - 0.35, place + 0.35], color=VALID, lw=2)
    names = ["  ".join(row[key] for key in varied) + f"   (round {row['round']})" for row in rows]
    axes.set(yticks=range(len(rows)), yticklabels=names, xlabel="accuracy on a fold (bar: their mean)")
    axes.set_title(f"Folds of the best candidates\n({', '.join(varied)})", fontsize=10)
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
