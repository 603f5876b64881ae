"""What a search found, as pictures: score by parameter, folds of the best, parallel coordinates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

# Candidates whose folds are drawn.
TOP = 12


def tried(space: Mapping[str, Sequence]) -> dict[str, list]:
    """Keep the parameters of which more than one value was tried; all of them if there is none."""
    several = {key: list(values) for key, values in space.items() if len(values) > 1}
    return several or {key: list(values) for key, values in space.items()}


def search_figure(rows: Sequence[Mapping[str, Any]], space: Mapping[str, Sequence]) -> Figure:
    """Draw each candidate's score over each parameter that was varied, and the folds of the best candidates.

    Parameters
    ----------
    rows : sequence of mapping
        As `SearchResult` has them: one a candidate, best first. A candidate that failed has the score NaN and is left
        out.
    space : mapping
        The values that were tried of each parameter.
    """
    rows, varied = [row for row in rows if np.isfinite(row["score"])], tried(space)
    columns = min(4, len(varied))
    lines = -(-len(varied) // columns)
    n_top = min(TOP, len(rows))
    heights = [2.3 * lines + 0.4, 0.3 * n_top + 1.1]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=heights)
    _draw_parameters(upper, rows, varied, lines, columns)
    _draw_folds(lower.subplots(), rows[:n_top], varied)
    return figure


def _draw_parameters(
    figure: SubFigure, rows: Sequence[Mapping[str, Any]], varied: Mapping[str, list], lines: int, columns: int
) -> None:
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(varied) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy, mean of folds")
    rounds = sorted({row["round"] for row in rows})
    colours = colormaps["viridis"](np.linspace(0.85, 0.1, len(rounds)))
    for axes, (key, values) in zip(grid.flat, varied.items(), strict=False):
        for number, colour in zip(rounds, colours, strict=True):
            chosen = [row for row in rows if row["round"] == number]
            # Side by side within a value, in the order of their rank: the same picture each time.
            spread = np.linspace(-0.3, 0.3, len(chosen)) if len(chosen) > 1 else [0.0]
            places = [values.index(row[key]) + shift for row, shift in zip(chosen, spread, strict=True)]
            label = f"round {number}" + (f": {chosen[0]['n_images']:,} images" if "n_images" in chosen[0] else "")
            axes.plot(places, [row["score"] for row in chosen], "o", ms=3.5, alpha=0.7, color=colour, label=label)
        axes.set(xticks=range(len(values)), xticklabels=[f"{value}" for value in values], title=key)
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.grid(axis="y", alpha=0.3)
    figure.suptitle("Score of every candidate in the last round that it reached")
    if len(rounds) > 1:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(rounds), frameon=False)


def _draw_folds(axes: Axes, rows: Sequence[Mapping[str, Any]], varied: Mapping[str, list]) -> None:
    for place, row in enumerate(rows):
        folds = [value for key, value in row.items() if key.startswith("score_") and key != "score_std"]
        axes.plot(folds, [place] * len(folds), "o", ms=4, color="#1f6f8b", alpha=0.8)
        axes.plot([row["score"]] * 2, [place - 0.35, place + 0.35], color="#d1603d", lw=2)
    names = ["  ".join(f"{row[key]}" for key in varied) + f"   (round {row['round']})" for row in rows]
    axes.set(yticks=range(len(rows)), yticklabels=names, xlabel="accuracy on a fold (bar: their mean)")
    axes.set_title("Folds of the best candidates: " + ", ".join(varied))
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)


def parallel_rows(rows: Sequence[Mapping[str, Any]], space: Mapping[str, Sequence]) -> list[dict[str, Any]]:
    """Give each candidate's way through the parameters, for parallel coordinates.

    Parameters
    ----------
    rows, space
        As for `search_figure`.

    Returns
    -------
    list of dict
        One a candidate and axis (the varied parameters, then the score), the best candidate last, so that it is drawn
        over the others: candidate (its rank, from 1), round, score, axis, value, and position and centre, from 0 to 1
        along the axis. A value is a band about its centre, in which candidates stand by rank; a score is a point.
    """
    rows, varied = [row for row in rows if np.isfinite(row["score"])], tried(space)
    scores = [row["score"] for row in rows]
    low, high = min(scores), max(scores)
    points = []
    for rank, row in reversed(list(enumerate(rows, start=1))):
        common = {"candidate": rank, "round": row["round"], "score": row["score"]}
        within = 0.7 * (0.5 - (rank - 0.5) / len(rows))
        for key, values in varied.items():
            centre = values.index(row[key]) + 0.5
            place = {"position": (centre + within) / len(values), "centre": centre / len(values)}
            points.append(common | {"axis": key, "value": row[key]} | place)
        place = (row["score"] - low) / (high - low) if high > low else 0.5
        points.append(common | {"axis": "score", "value": f"{row['score']:.4f}", "position": place, "centre": place})
    return points
