from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitrec.errors import DigitrecError
from digitrec.reproduction import suspicious
from digitrec.reproduction.suspicious import (
    KNOWN_WRONG,
    known_wrong_rows,
    out_of_fold_probabilities,
    summarize,
    suspicious_rows,
)
from digitrec.spec import Recipe, TrainingSpec
from tests.killing import one_worker_killed
from tests.reproduction.measured import MNIST_LABELS
from tests.tiny import IMAGE, small_training, some_digits

IMAGES, LABELS = some_digits(400)
FLIPPED = [5, 40, 77, 123, 200, 310]
WRONG = LABELS.copy()
WRONG[FLIPPED] = (LABELS[FLIPPED] + 3) % 10


def _training(max_epochs: int) -> TrainingSpec:
    return small_training(architecture={"hidden_1": 64, "hidden_2": 32}, max_epochs=max_epochs, recipe=Recipe())


@pytest.fixture(scope="module")
def probabilities(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("folds")
    return out_of_fold_probabilities(_training(20), IMAGE, 3, IMAGES, WRONG, folder, "cpu", 1)


def test_flipped_labels_are_found_and_rank_first(probabilities: np.ndarray) -> None:
    rows = suspicious_rows(WRONG, probabilities)
    assert len(rows) < 40
    assert set(FLIPPED) <= {row["index"] for row in rows[:12]}
    assert [row["probability_of_label"] for row in rows] == sorted(row["probability_of_label"] for row in rows)
    for row in rows:
        assert row["label"] == WRONG[row["index"]] != row["predicted"]
        assert row["probability"] == pytest.approx(probabilities[row["index"]].max(), abs=1e-4)
    found = {row["index"]: row["predicted"] for row in rows}
    assert sum(found[index] == LABELS[index] for index in FLIPPED) >= 5


def test_no_network_is_asked_about_an_image_that_it_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, seeds = [], set()

    class Remembering:
        """Knows the images it was given, by their bytes."""

        def __init__(self, images: np.ndarray):
            self.known = {image.tobytes() for image in images}
            self.module_ = self

        def eval(self) -> "Remembering":
            return self

    def fit(training: TrainingSpec, image: Any, images: np.ndarray, *args: Any, **kwargs: Any) -> tuple:
        seeds.add(training.seed)
        return Remembering(images), None

    def answer(network: Remembering, images: np.ndarray) -> np.ndarray:
        """1 for images that are known in the first column, their number in the second."""
        asked.append(len(images))
        return np.array([[image.tobytes() in network.known, k] + [0] * 8 for k, image in enumerate(images)])

    monkeypatch.setattr(suspicious, "fit", fit)
    monkeypatch.setattr(suspicious, "predict_probabilities", answer)
    answers = out_of_fold_probabilities(_training(1), IMAGE, 4, IMAGES, LABELS, tmp_path, "cpu", 1)
    assert asked == [100] * 4
    assert len(seeds) == 4
    assert not answers[:, 0].any()
    # Every image got the answer that was given to it: each of the four parts counts from 0.
    assert sorted(answers[:, 1]) == sorted(list(range(100)) * 4)


@pytest.mark.slow
def test_folds_that_were_finished_are_not_trained_again_and_jobs_change_nothing(tmp_path: Path) -> None:
    def ask(folder: str, jobs: int) -> np.ndarray:
        return out_of_fold_probabilities(_training(1), IMAGE, 2, IMAGES, LABELS, tmp_path / folder, "cpu", jobs)

    def states() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()}

    first = ask("one", 1)
    kept = states()
    assert len(kept) == 2
    np.testing.assert_array_equal(first, ask("one", 1))
    assert states() == kept
    np.testing.assert_array_equal(first, ask("two", 2))


@pytest.mark.slow
def test_a_fold_whose_process_is_killed_is_one_message(tmp_path: Path) -> None:
    with (
        one_worker_killed(),
        pytest.raises(DigitrecError, match="a process that was training was killed, perhaps for want of memory"),
    ):
        out_of_fold_probabilities(_training(500), IMAGE, 2, IMAGES, LABELS, tmp_path, "cpu", 2)


def _answers(*errors: int) -> np.ndarray:
    """Sure answers to MNIST's test images, right but for those of these numbers."""
    answers = MNIST_LABELS.copy()
    answers[list(errors)] = (MNIST_LABELS[list(errors)] + 1) % 10
    return np.eye(10)[answers] * 0.9 + 0.01


def test_mnist_carries_the_labels_known_to_be_wrong() -> None:
    assert len(MNIST_LABELS) == 10_000
    assert {index: int(MNIST_LABELS[index]) for index in KNOWN_WRONG} == KNOWN_WRONG


def test_answers_to_labels_known_to_be_wrong_are_told_one_by_one() -> None:
    probabilities = _answers(947, 9729, 3)
    rows = known_wrong_rows(MNIST_LABELS, probabilities)
    assert [row["index"] for row in rows] == sorted(KNOWN_WRONG)
    assert rows[0] == {"index": 947, "label": 8, "predicted": 9, "probability": 0.91, "is_error": True}
    assert [row["index"] for row in rows if row["is_error"]] == [947, 9729]
    summary = summarize(MNIST_LABELS, probabilities, [], MNIST_LABELS, probabilities, rows)
    assert (summary["n_errors"], summary["errors_on_known_wrong"]) == (3, 2)


def test_other_test_sets_have_no_labels_known_to_be_wrong() -> None:
    probabilities = _answers()
    assert known_wrong_rows(MNIST_LABELS[:9000], probabilities[:9000]) == []
    others = MNIST_LABELS.copy()
    others[6783] = 7
    assert known_wrong_rows(others, probabilities) == []


def test_the_summary_counts_out_of_fold_errors(probabilities: np.ndarray) -> None:
    rows = suspicious_rows(WRONG, probabilities)
    summary = summarize(WRONG, probabilities, rows, LABELS, np.eye(10)[LABELS], [])
    assert summary["n_suspicious_train"] == len(rows)
    assert summary["n_train"] == 400
    assert summary["out_of_fold_errors"] == (probabilities.argmax(1) != WRONG).sum()
    assert summary["out_of_fold_accuracy"] == 1 - summary["out_of_fold_errors"] / 400
    assert summary["n_errors"] == summary["errors_on_known_wrong"] == 0
