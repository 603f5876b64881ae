from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitrec import suspicious
from digitrec.suspicious import (
    KNOWN_WRONG,
    known_wrong_rows,
    out_of_fold_probabilities,
    summarize,
    suspicious_figures,
    suspicious_rows,
)
from tests.conftest import ROOT
from tests.tiny import NORMALIZATION, PLAIN, some_digits

IMAGES, LABELS = some_digits(400)
FLIPPED = [5, 40, 77, 123, 200, 310]
WRONG = LABELS.copy()
WRONG[FLIPPED] = (LABELS[FLIPPED] + 3) % 10
SETTINGS: dict[str, Any] = {
    "model": "mlp",
    "architecture": {"hidden_1": 64, "hidden_2": 32},
    "lr": 0.003,
    "max_epochs": 20,
    "batch_size": 32,
    "optimizer": "adam",
    "recipe": PLAIN.model_dump() | {"valid_fraction": 0.0},
    "mean": NORMALIZATION.mean,
    "std": NORMALIZATION.std,
    "seed": 0,
}


@pytest.fixture(scope="module")
def probabilities(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return out_of_fold_probabilities(SETTINGS, 3, IMAGES, WRONG, tmp_path_factory.mktemp("folds"), "cpu", 2)


def test_flipped_labels_are_found_and_rank_first(probabilities: np.ndarray) -> None:
    rows = suspicious_rows(WRONG, probabilities)
    assert len(rows) < 40
    assert set(FLIPPED) <= {row["index"] for row in rows[:12]}
    assert [row["probability_of_label"] for row in rows] == sorted(row["probability_of_label"] for row in rows)
    for row in rows:
        assert row["label"] == WRONG[row["index"]] != row["predicted"]
    found = {row["index"]: row["predicted"] for row in rows}
    assert sum(found[index] == LABELS[index] for index in FLIPPED) >= 5


def test_no_network_is_asked_about_an_image_that_it_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    class Remembering:
        """Knows the images it was given, by their bytes, and answers 1 for those in the first column."""

        def __init__(self, images: np.ndarray):
            self.known = {image.tobytes() for image in images}

        def predict_proba(self, images: np.ndarray) -> np.ndarray:
            asked.append(len(images))
            return np.array([[image.tobytes() in self.known, k] + [0] * 8 for k, image in enumerate(images)])

    monkeypatch.setattr(suspicious, "fit", lambda settings, images, *args, **kwargs: (Remembering(images), None))
    monkeypatch.setattr(suspicious, "Parallel", lambda **kwargs: lambda tasks: (f(*a, **k) for f, a, k in tasks))
    answers = out_of_fold_probabilities(SETTINGS, 4, IMAGES, LABELS, tmp_path, "cpu", 1)
    assert asked == [100] * 4
    assert not answers[:, 0].any()
    # Every image got the answer that was given to it: each of the four parts counts from 0.
    assert sorted(answers[:, 1]) == sorted(list(range(100)) * 4)


def test_folds_that_were_finished_are_not_trained_again_and_jobs_change_nothing(tmp_path: Path) -> None:
    settings = SETTINGS | {"max_epochs": 2}
    first = out_of_fold_probabilities(settings, 2, IMAGES, LABELS, tmp_path / "one", "cpu", 1)
    states = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()}
    assert len(states) == 2
    again = out_of_fold_probabilities(settings, 2, IMAGES, LABELS, tmp_path / "one", "cpu", 2)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()} == states
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(
        first, out_of_fold_probabilities(settings, 2, IMAGES, LABELS, tmp_path / "two", "cpu", 2)
    )


def _mnist_like() -> tuple[np.ndarray, np.ndarray]:
    """10,000 labels with those of MNIST at the known places, and sure answers that agree but for two of them."""
    labels = np.arange(10_000) % 10
    labels[list(KNOWN_WRONG)] = list(KNOWN_WRONG.values())
    answers = labels.copy()
    answers[[947, 9729, 3]] = (labels[[947, 9729, 3]] + 1) % 10
    return labels, np.eye(10)[answers] * 0.9 + 0.01


def test_answers_to_labels_known_to_be_wrong_are_told_one_by_one() -> None:
    labels, probabilities = _mnist_like()
    rows = known_wrong_rows(labels, probabilities)
    assert [row["index"] for row in rows] == sorted(KNOWN_WRONG)
    assert rows[0] == {"index": 947, "label": 8, "predicted": 9, "probability": 0.91, "is_error": True}
    assert [row["index"] for row in rows if row["is_error"]] == [947, 9729]
    summary = summarize(labels, probabilities, [], labels, probabilities, rows)
    assert (summary["n_errors"], summary["errors_on_known_wrong"]) == (3, 2)


def test_other_test_sets_have_no_labels_known_to_be_wrong() -> None:
    labels, probabilities = _mnist_like()
    assert known_wrong_rows(labels[:9000], probabilities[:9000]) == []
    labels[6783] = 7
    assert known_wrong_rows(labels, probabilities) == []


@pytest.mark.skipif(not (ROOT / "data/test/labels.npy").exists(), reason="the pipeline has not run here")
def test_mnist_carries_the_labels_known_to_be_wrong() -> None:
    labels = np.load(ROOT / "data/test/labels.npy", mmap_mode="r")
    if len(labels) == 10_000:
        assert {index: int(labels[index]) for index in KNOWN_WRONG} == KNOWN_WRONG


def test_the_summary_counts_out_of_fold_errors(probabilities: np.ndarray) -> None:
    rows = suspicious_rows(WRONG, probabilities)
    summary = summarize(WRONG, probabilities, rows, LABELS, np.eye(10)[LABELS], [])
    assert summary["n_suspicious_train"] == len(rows)
    assert summary["n_train"] == 400
    assert summary["out_of_fold_errors"] == (probabilities.argmax(1) != WRONG).sum()
    assert summary["out_of_fold_accuracy"] == 1 - summary["out_of_fold_errors"] / 400
    assert summary["n_errors"] == summary["errors_on_known_wrong"] == 0


def test_the_galleries_show_the_first_of_the_rows(probabilities: np.ndarray) -> None:
    rows = suspicious_rows(WRONG, probabilities)
    known = [{"index": 7, "label": 1, "predicted": 4, "probability": 0.5, "is_error": True}]
    figures = suspicious_figures(IMAGES, rows, IMAGES, known, 4)
    shown = [axes for axes in figures["suspicious_labels"].axes if axes.images]
    assert len(shown) == 4
    np.testing.assert_array_equal(shown[1].images[0].get_array(), IMAGES[rows[1]["index"]])
    percent = f"{100 * rows[1]['probability']:.0f} %"
    assert shown[1].get_title() == f"{rows[1]['label']} → {rows[1]['predicted']}\n{percent}"
    assert f"4 of {len(rows)}" in figures["suspicious_labels"].get_suptitle()
    np.testing.assert_array_equal(figures["known_wrong_labels"].axes[0].images[0].get_array(), IMAGES[7])
    assert figures["known_wrong_labels"].axes[0].get_title() == "no. 7\n1 → 4"


def test_the_galleries_are_drawn_also_when_there_is_nothing_to_show() -> None:
    figures = suspicious_figures(IMAGES, [], IMAGES, [], 60)
    assert "0 of 0" in figures["suspicious_labels"].get_suptitle()
