from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from digitrec.figures.confusion import confusion_figure
from digitrec.figures.embedding import embedding_figure
from digitrec.figures.exploration import classes_figure, samples_figure
from digitrec.figures.gallery import gallery
from digitrec.figures.history import history_figure
from digitrec.figures.style import save_figure
from tests.figures.pictures import DIGITS, MANY, some_images

LABELS = np.arange(40) % 10
FIGURES: dict[str, Callable[[], Figure]] = {
    "matrix": lambda: confusion_figure(np.arange(100).reshape(10, 10), DIGITS),
    "pairs": lambda: confusion_figure(np.diag([3] * 136) + np.eye(136, k=135, dtype=int), MANY),
    "embedding": lambda: embedding_figure([{"x": k % 7, "y": k % 11, "label": MANY[k]} for k in range(40)]),
    "classes": lambda: classes_figure([{"class": name, "train": 7, "test": 2} for name in MANY[:3]]),
    "samples": lambda: samples_figure(some_images(40, 12, 3), LABELS, DIGITS, False),
    "gallery": lambda: gallery(some_images(20), MANY[:20], "Twenty"),
    "history": lambda: history_figure(
        [{"epoch": 1, "train_loss": 1, "valid_loss": 1, "train_accuracy": 0.5, "valid_accuracy": 0.5}]
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    for copy in ("one.png", "two.png"):
        save_figure(FIGURES[name](), tmp_path / copy)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
