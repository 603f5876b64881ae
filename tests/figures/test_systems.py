from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from digitrec.figures.style import save_figure
from digitrec.figures.systems import confused_pairs, system_figure, training_time_figure
from tests.tiny import DIGITS, all_digits

N = 30


def test_confused_pairs_count_errors_both_ways() -> None:
    confusion = np.array([[9, 1, 0], [2, 9, 4], [0, 1, 9]])
    assert confused_pairs(confusion) == [(1, 2, 5), (0, 1, 3), (0, 2, 0)]


def _measurement(n_runs: int, validation: bool) -> dict:
    keys = ["train", "test", *(["valid"] if validation else [])]
    history = [
        {"epoch": epoch} | {f"{key}_{kind}": 0.5 + epoch / 10 for key in keys for kind in ("loss", "accuracy")}
        for epoch in (1, 2)
    ]
    confusion = np.eye(10, dtype=int) * 3
    confusion[4, 9] = 2
    run = {"history": history, "test": {"accuracy": 0.9}, "confusion": confusion.tolist()}
    return {"system": "x", "shortened": False, "epochs": 2, "n_parameters": 5, "runs": [run] * n_runs}


@pytest.mark.parametrize(("n_runs", "validation"), [(2, True), (1, False)])
def test_a_systems_picture_shows_curves_confusion_and_errors(tmp_path: Path, n_runs: int, validation: bool) -> None:
    data = all_digits()
    images, labels = data.test_images[:N], data.test_labels[:N]
    answers = labels.copy()
    answers[[20, 25]] = (labels[[20, 25]] + 1) % 10
    probabilities = np.eye(10)[answers] * 0.9 + 0.01
    figure = system_figure(_measurement(n_runs, validation), images, labels, probabilities, DIGITS)
    curves = figure.subfigs[0].axes[1]
    names = [text.get_text() for text in curves.get_legend().get_texts()]
    assert names == ["training", *(["validation"] if validation else []), "test"]
    confusion, gallery = (part.axes[0] for part in figure.subfigs[1].subfigs)
    assert f"Most confused: 4/9 ({2 * n_runs})" in confusion.get_title()
    # The first ten, then the two errors.
    assert len(gallery.images) == 12
    np.testing.assert_array_equal(gallery.images[11].get_array(), images[25, ..., 0])
    assert f"{labels[25]} → {answers[25]}\n91 %" in [text.get_text() for text in gallery.texts]
    save_figure(figure, tmp_path / "x.png")
    assert imread(tmp_path / "x.png").std() > 0.05


def test_training_times_are_drawn_the_shortest_at_the_bottom_with_published_ones() -> None:
    axes = training_time_figure({"slow": 90.0, "fast": 3.0}, {"slow": 40.0, "absent": 1.0}).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [3.0, 90.0]
    assert axes.lines[0].get_xdata().tolist() == [40.0]
