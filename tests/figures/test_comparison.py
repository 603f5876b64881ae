from pathlib import Path

import pytest

from digitrec.figures.comparison import comparison_figure
from tests.figures.pictures import check_png


def _rows(n: int = 360, **errors: int) -> list[dict[str, str]]:
    rows = []
    for name, wrong in errors.items():
        accuracy = 1 - wrong / n
        bounds = {"accuracy_low": f"{max(0, accuracy - 0.01)}", "accuracy_high": f"{min(1, accuracy + 0.01)}"}
        rows.append({"name": name, "accuracy": f"{accuracy}"} | bounds)
    return rows


def test_the_best_is_on_top_and_the_final_model_has_a_colour_of_its_own() -> None:
    axes = comparison_figure(_rows(knn=12, final=3, tree=80)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tree", "knn", "final"]
    bars = axes.patches
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[1] != colours[2]
    assert [bar.get_width() for bar in bars] == pytest.approx([100 * n / 360 for n in (80, 12, 3)])
    assert [text.get_text() for text in axes.texts] == ["77.78 % right", "96.67 % right", "99.17 % right"]


@pytest.mark.parametrize("errors", [{"final": 0, "knn": 0}, {"final": 0, "knn": 360}, {"final": 30, "knn": 60}])
def test_axes_have_numbers_whatever_the_range(tmp_path: Path, errors: dict[str, int]) -> None:
    figure = comparison_figure(_rows(**errors))
    check_png(figure, tmp_path)
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    shown = [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert len(shown) >= 2
    assert all(float(text) > 0 for text in shown)
