"""Draw the rooms of the package and who imports from whom.

Reads   src/digitrec
Writes  docs/rooms.svg

Usage: PYTHONPATH=src python -m docs.rooms
"""

from pathlib import Path

import matplotlib as mpl
import networkx as nx
from matplotlib.figure import Figure

from tests.reach import SOURCE, imported_modules

PACKAGE, PICTURE = SOURCE / "digitrec", Path(__file__).with_name("rooms.svg")
# Where each stands, from the left and from the ground: no arrow goes through another room.
PLACES = {
    "cli.py": (2, 5),
    "estimator.py": (3.5, 5),
    "reproduction": (5, 5),
    "export": (6.5, 5),
    "search": (8, 5),
    "evaluation": (6, 4),
    "training": (8, 4),
    "serve": (5.5, 3),
    "data": (7, 3),
    "baselines": (0.5, 2),
    "figures": (2, 2),
    "reading": (5.5, 2),
    "pipeline": (2, 1),
    "config": (3.5, 1),
    "transforms": (6.5, 1),
    "models": (8, 1),
    "errors.py": (2, 0),
    "spec.py": (5.5, 0),
}


def rooms() -> nx.DiGraph:
    """Give the rooms, with arrows to those that each imports from, but for what a way of other arrows says."""
    graph = nx.DiGraph()
    for path in (path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"):
        graph.add_edges_from((_room(path), _room(other)) for other in imported_modules(path))
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return nx.transitive_reduction(graph)


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def told(graph: nx.DiGraph) -> str:
    """Say the arrows in words, which the picture has with it."""
    return ", ".join(f"{above} imports {below}" for above, below in sorted(graph.edges))


def draw(graph: nx.DiGraph, path: Path) -> None:
    """Draw them, who imports above what is imported."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 8.5), ylim=(-0.3, 5.3))
    axes.axis("off")
    box = {"facecolor": "white", "edgecolor": "0.4", "boxstyle": "round"}
    boxes = {room: axes.text(*PLACES[room], room, ha="center", bbox=box).get_bbox_patch() for room in sorted(graph)}
    for above, below in sorted(graph.edges):
        ends = {"patchA": boxes[above], "patchB": boxes[below], "shrinkA": 0, "shrinkB": 2}
        arrow = {"arrowstyle": "-|>", "color": "0.5", **ends}
        axes.annotate("", PLACES[below], PLACES[above], va="center", arrowprops=arrow)
    with mpl.rc_context({"svg.hashsalt": "rooms"}):
        figure.savefig(path, metadata={"Date": None, "Description": told(graph)})


if __name__ == "__main__":
    draw(rooms(), PICTURE)
