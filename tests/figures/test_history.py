from pathlib import Path

from matplotlib.figure import Figure

from digitrec.figures.history import history_figure
from tests.figures.pictures import check_png

ROWS = [
    {"epoch": k, "train_loss": 1 / k, "valid_loss": 1.1 / k, "train_accuracy": 1 - 0.1 / k, "valid_accuracy": 0.9}
    for k in range(1, 6)
]


def _lines(figure: Figure, axes: int) -> dict[str, list[float]]:
    return {str(line.get_label()): list(line.get_ydata()) for line in figure.axes[axes].lines}


def test_the_history_shows_training_and_validation() -> None:
    # As text, as a table's file gives it.
    figure = history_figure([{key: str(value) for key, value in row.items()} for row in ROWS])
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert _lines(figure, 0) == {
        "training": [row["train_loss"] for row in ROWS],
        "validation": [row["valid_loss"] for row in ROWS],
    }
    assert _lines(figure, 1)["validation"] == [0.9] * 5
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2, 3, 4, 5]


def test_one_epoch_can_be_drawn(tmp_path: Path) -> None:
    check_png(history_figure(ROWS[:1]), tmp_path)
