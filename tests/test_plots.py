from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from digitrec.plots import comparison_figure, confusion_figure, gallery, history_figure, save_figure
from digitrec.scores import wilson_interval
from tests.tiny import some_digits

IMAGES, LABELS = some_digits(13)
HISTORY = [
    {"epoch": k, "train_loss": 1 / k, "valid_loss": 1.1 / k, "train_accuracy": 1 - 0.1 / k, "valid_accuracy": 0.9}
    for k in range(1, 6)
]
CONFUSION = np.diag([10, 0, 30]) + np.array([[0, 2, 0], [0, 0, 0], [7, 0, 0]])


def _scores(**errors: int) -> dict:
    return {
        name: {"accuracy": 1 - n / 360, "accuracy_ci95": wilson_interval(360 - n, 360), "errors": n}
        for name, n in errors.items()
    }


FIGURES = {
    "history": lambda: history_figure(HISTORY),
    "one_epoch": lambda: history_figure(HISTORY[:1]),
    "confusion": lambda: confusion_figure(CONFUSION),
    "no_confusion": lambda: confusion_figure(np.diag([3, 4])),
    "gallery": lambda: gallery(IMAGES, [str(k) for k in LABELS], "Digits"),
    "empty_gallery": lambda: gallery(IMAGES[:0], [], "Nothing"),
    "comparison": lambda: comparison_figure(_scores(final=3, knn=12, tree=80)),
    "perfect": lambda: comparison_figure(_scores(final=0, knn=0)),
    "hopeless": lambda: comparison_figure(_scores(final=0, knn=360)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_small_png_and_the_same_bytes_each_time(tmp_path: Path, name: str) -> None:
    for copy in ("one.png", "two.png"):
        save_figure(FIGURES[name](), tmp_path / copy)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 300_000
    height, width = imread(tmp_path / "one.png").shape[:2]
    assert 40 < height < 2000
    assert 100 < width < 2000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]


def _lines(figure: Figure, axes: int) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in figure.axes[axes].lines}


def test_the_history_shows_training_and_validation() -> None:
    figure = history_figure(HISTORY)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert _lines(figure, 0) == {
        "training": [row["train_loss"] for row in HISTORY],
        "validation": [row["valid_loss"] for row in HISTORY],
    }
    assert _lines(figure, 1)["validation"] == [0.9] * 5
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2, 3, 4, 5]


def test_the_confusion_matrix_shows_counts_and_colours_errors_only() -> None:
    before = CONFUSION.copy()
    figure = confusion_figure(CONFUSION)
    axes = figure.axes[0]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    # Columns are predictions, rows are labels; zeros are left out.
    assert texts[(0, 0)] == "10"
    assert texts[(1, 0)] == "2"
    assert texts[(0, 2)] == "7"
    assert texts[(1, 1)] == ""
    np.testing.assert_array_equal(axes.images[0].get_array(), CONFUSION - np.diag([10, 0, 30]))
    np.testing.assert_array_equal(CONFUSION, before)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "label")


def test_a_gallery_puts_each_image_under_its_title() -> None:
    figure = gallery(IMAGES, [f"no. {k}" for k in range(13)], "Thirteen", columns=5)
    assert len(figure.axes) == 15
    for k, axes in enumerate(figure.axes[:13]):
        assert axes.get_title() == f"no. {k}"
        np.testing.assert_array_equal(axes.images[0].get_array(), IMAGES[k])
    assert not figure.axes[13].images
    assert figure.get_suptitle() == "Thirteen"


def test_the_comparison_has_the_best_on_top_and_the_final_model_in_a_colour_of_its_own() -> None:
    axes = comparison_figure(_scores(knn=12, final=3, tree=80)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tree", "knn", "final"]
    bars = axes.containers[-1] if len(axes.containers[-1]) == 3 else axes.containers[0]
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[1] != colours[2]
    assert [bar.get_width() for bar in bars] == pytest.approx([100 * n / 360 for n in (80, 12, 3)])
    assert axes.texts[-1].get_text() == "99.17 % right"
