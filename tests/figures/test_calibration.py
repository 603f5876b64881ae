from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitrec.figures.calibration import calibration_figure
from tests.figures.pictures import check_png, texts

RELIABILITY = [
    {"stage": stage, "n": n, "confidence": stated, "accuracy": right, "accuracy_low": low, "accuracy_high": high}
    for stage, n, stated, right, low, high in (
        ("before", "0", "", "", "", ""),
        ("before", "10", "0.6", "0.4", "0.2", "0.7"),
        ("before", "90", "0.97", "0.9", "0.8", "0.95"),
        ("after", "100", "0.88", "0.87", "0.8", "0.92"),
    )
]
COVERAGE = [{"coverage": "1.0", "accuracy": "0.9"}, {"coverage": "0.5", "accuracy": "0.99"}]


def _metrics(answered: dict[str, Any], *notes: str) -> dict[str, Any]:
    return {
        "notes": list(notes),
        "temperature": 1.5,
        "threshold": 0.753,
        "before": {"ece": 0.083, "ece_ci95": [0.07, 0.1]},
        "after": {"ece": 0.0101, "ece_ci95": [0.004, 0.02]},
        "answered": answered,
    }


SOME = {"coverage": 0.5, "answered": 50, "accuracy": 0.99}


def test_both_curves_and_their_numbers_come_from_the_files(tmp_path: Path) -> None:
    figure = calibration_figure(RELIABILITY, COVERAGE, _metrics(SOME))
    left, right = figure.axes
    intervals, dots = left.collections[::2], left.collections[1::2]
    assert [each.get_offsets().tolist() for each in dots] == [[[0.6, 0.4], [0.97, 0.9]], [[0.88, 0.87]]]
    assert [path.vertices.tolist() for each in intervals for path in each.get_paths()] == [
        [[0.6, 0.2], [0.6, 0.7]],
        [[0.97, 0.8], [0.97, 0.95]],
        [[0.88, 0.8], [0.88, 0.92]],
    ]
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "perfect",
        "before: ECE 8.30 % (7.00 to 10.00)",
        "after, T = 1.50: ECE 1.01 % (0.40 to 2.00)",
    ]
    np.testing.assert_allclose(right.lines[0].get_xydata(), [[100, 90], [50, 99]])
    assert right.texts[0].get_text() == "threshold 0.753:\n50.00 % answered,\n99.00 % of them right"
    check_png(figure, tmp_path)


def test_without_a_temperature_there_is_one_curve(tmp_path: Path) -> None:
    figure = calibration_figure(RELIABILITY, COVERAGE, _metrics(SOME) | {"temperature": 1.0})
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["perfect", "the network's own: ECE 1.01 % (0.40 to 2.00)"]
    check_png(figure, tmp_path)


@pytest.mark.parametrize("coverage", [COVERAGE, COVERAGE[:1]])
def test_where_nothing_is_sure_enough_no_point_is_drawn(tmp_path: Path, coverage: list[dict[str, str]]) -> None:
    figure = calibration_figure(RELIABILITY, coverage, _metrics({"coverage": 0.0, "answered": 0}))
    assert not any("threshold" in text for text in texts(figure))
    assert "no answer is sure enough" in texts(figure)
    check_png(figure, tmp_path)


def test_what_is_not_known_stands_above(tmp_path: Path) -> None:
    note = "144 validation images show for no threshold that 99.8 % of the answers above it are right"
    figure = calibration_figure(RELIABILITY, COVERAGE, _metrics(SOME, note, "and another " * 20))
    assert figure.get_suptitle().startswith(f"Note: {note}\nNote: and another")
    assert max(map(len, figure.get_suptitle().splitlines())) <= 140
    check_png(figure, tmp_path)
