"""Images as points in a plane."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, hsv_to_rgb
from matplotlib.figure import Figure

from digitrec.figures.style import plain_style, shortened, text_width

# Inches that the longer side of the points' plane takes.
PLANE = 5.6
# Names are all written up to so many classes; of more, so many at most that cover no other.
FEW, MOST_NAMES = 10, 20


@plain_style()
def embedding_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw embedded images as dots coloured by class, each class's name where its dots are densest.

    Parameters
    ----------
    rows : sequence of mapping
        x, y (numbers, also as text) and label, the class's name.
    """
    points = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    names, numbers = np.unique([str(row["label"]) for row in rows], return_inverse=True)
    classes, colours = names.tolist(), _colours(len(names))
    figure = Figure(figsize=(7.2, 6.8), layout="constrained")
    axes = figure.subplots()
    # Together about the same ink, however many.
    size = float(np.clip(20_000 / len(points), 1, 14))
    # Without smoothed edges: with them, the PNG of 50,000 dots is six times as large.
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=size,
        c=numbers,
        cmap=colours,
        vmin=-0.5,
        vmax=len(classes) - 0.5,
        linewidths=0,
        antialiased=False,
    )
    written = _write_names(axes, points, numbers, classes, colours)
    some = f"\n({written} of {len(classes)} classes are named)" if written < len(classes) else ""
    axes.set(xticks=[], yticks=[], title=f"t-SNE of {len(points):,} training images, coloured by class{some}")
    axes.set_aspect("equal")
    return figure


def _colours(n: int) -> Colormap:
    if n <= 10:
        return ListedColormap(colormaps["tab10"](np.arange(n)))
    # Neighbours in the list of classes differ in depth as well as in hue.
    hues, kinds = np.arange(n) / n, np.arange(n) % 3
    deep, light = np.choose(kinds, [0.95, 0.6, 0.85]), np.choose(kinds, [0.85, 0.9, 0.55])
    return ListedColormap(hsv_to_rgb(np.stack([hues, deep, light], 1)))


def _write_names(axes: Axes, points: np.ndarray, numbers: np.ndarray, classes: Sequence[str], colours: Colormap) -> int:
    """Write names over the classes, those of which lie closest first; tell how many."""
    few = len(classes) <= FEW
    size, weight = (10, "bold") if few else (7, "normal")
    unit = PLANE / max(np.ptp(points, axis=0).max(), 1e-9)
    places = [_densest(points[numbers == k]) for k in range(len(classes))]
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for k in np.argsort([radius for _, radius in places], kind="stable"):
        name = shortened(classes[k])
        half = np.array([1.1 * text_width(name, size) + 0.12, 0.02 * size + 0.06]) / 2
        free = (
            place
            for place in places[k][0]
            if not any(np.all(np.abs(place * unit - other) < half + more) for other, more in taken)
        )
        place = next(free, places[k][0][0] if few else None)
        if place is None or (not few and len(taken) == MOST_NAMES):
            continue
        taken.append((place * unit, half))
        box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": colours(k), "linewidth": 1.5}
        axes.text(place[0], place[1], name, ha="center", va="center", weight=weight, fontsize=size, bbox=box)
    return len(taken)


def _densest(own: np.ndarray) -> tuple[np.ndarray, float]:
    """Give the half of the points about which the others lie closest, the closest first, and the smallest radius.

    A point's radius is that of the circle about it that holds a third of the points. The median of a class in two
    parts would lie between them.
    """
    candidates = own[:: 1 + len(own) // 500]
    distances = np.hypot(*(candidates[:, None] - own).transpose(2, 0, 1))
    radii = np.partition(distances, len(own) // 3, axis=1)[:, len(own) // 3]
    order = np.argsort(radii, kind="stable")
    return candidates[order[: -(-len(order) // 2)]], float(radii.min())
