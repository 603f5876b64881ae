from pathlib import Path

import numpy as np
from matplotlib.image import imread

from digitrec.plots import save_figure
from digitrec.reproduction.figures import confused_pairs, system_figure, training_time_figure


def test_confused_pairs_count_errors_both_ways() -> None:
    confusion = np.array([[9, 1, 0], [2, 9, 4], [0, 1, 9]])
    assert confused_pairs(confusion) == [(1, 2, 5), (0, 1, 3), (0, 2, 0)]


def _measurement(n_runs: int, validation: bool) -> dict:
    keys = ["train", "test", *(["valid"] if validation else [])]
    history = [
        {"epoch": epoch} | {f"{key}_{kind}": 0.5 + epoch / 10 for key in keys for kind in ("loss", "accuracy")}
        for epoch in (1, 2)
    ]
    confusion = (np.eye(10, dtype=int) * 3).tolist()
    run = {"history": history, "test": {"accuracy": 0.9}, "confusion": confusion}
    return {"system": "x", "shortened": False, "epochs": 2, "n_parameters": 5, "runs": [run] * n_runs}


def test_a_systems_picture_is_drawn_with_and_without_validation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (30, 28, 28), np.uint8), np.arange(30) % 10
    probabilities = rng.dirichlet(np.ones(10), 30)
    for number, (n_runs, validation) in enumerate([(2, True), (1, False)]):
        figure = system_figure(_measurement(n_runs, validation), images, labels, probabilities)
        curves = figure.subfigs[0].axes[1]
        names = [text.get_text() for text in curves.get_legend().get_texts()]
        assert names == ["training", *(["validation"] if validation else []), "test"]
        save_figure(figure, tmp_path / f"{number}.png")
        assert imread(tmp_path / f"{number}.png").std() > 0.05


def test_training_times_are_drawn_the_shortest_at_the_bottom_with_published_ones() -> None:
    axes = training_time_figure({"slow": 90.0, "fast": 3.0}, {"slow": 40.0, "absent": 1.0}).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [3.0, 90.0]
    assert axes.lines[0].get_xdata().tolist() == [40.0]
