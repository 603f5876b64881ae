import math

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score

from digitrec.evaluation.scores import accuracy_scores, classification_scores, mcnemar_p, wilson_interval


# 98.58 % of 10,000: Okon's result. The others by hand from Wilson's formula, z = 1.959964.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(9858, 10_000, 0.98329, 0.98794), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341)],
)
def test_wilson_interval_has_the_published_bounds(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx([low, high], abs=1e-5)


def test_wilson_interval_solves_its_equation() -> None:
    for bound in wilson_interval(83, 100):
        assert abs(0.83 - bound) == pytest.approx(1.959963985 * math.sqrt(bound * (1 - bound) / 100))


def test_wilson_interval_stays_within_the_accuracy_at_the_ends() -> None:
    assert wilson_interval(360, 360)[1] == 1.0
    assert wilson_interval(0, 360)[0] == 0.0
    for n in range(1, 200):
        for successes in range(n + 1):
            low, high = wilson_interval(successes, n)
            assert 0 <= low <= successes / n <= high <= 1


def test_wilson_interval_is_scipys() -> None:
    for successes, n in ((0, 3), (2, 3), (83, 100), (9858, 10_000)):
        expected = binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert wilson_interval(successes, n) == pytest.approx([expected.low, expected.high], abs=1e-12)


def test_accuracy_counts_errors() -> None:
    scores = accuracy_scores(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]))
    assert scores == {"accuracy": 0.75, "accuracy_ci95": wilson_interval(3, 4), "errors": 1, "n": 4}
    assert type(scores["errors"]) is int


def _probabilities(predictions: np.ndarray, classes: int, sure: float = 0.8) -> np.ndarray:
    rest = (1 - sure) / (classes - 1)
    return np.where(np.arange(classes) == predictions[:, None], sure, rest)


LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3])
GUESSES = np.array([0, 1, 1, 1, 0, 2, 2, 3, 3, 3])
NAMES = ("Greek/alpha", "Greek/beta", "ox", "Ω")


def test_classification_scores_agree_with_scikit_learn() -> None:
    probabilities = _probabilities(GUESSES, 4)
    scores = classification_scores(LABELS, probabilities, NAMES, 10)
    assert scores["errors"] == 5
    assert scores["loss"] == pytest.approx(log_loss(LABELS, probabilities))
    for average in ("macro", "weighted"):
        assert scores[f"precision_{average}"] == pytest.approx(precision_score(LABELS, GUESSES, average=average))
        assert scores[f"recall_{average}"] == pytest.approx(recall_score(LABELS, GUESSES, average=average))
        assert scores[f"f1_{average}"] == pytest.approx(f1_score(LABELS, GUESSES, average=average))
    assert scores["per_class"]["Greek/alpha"] == pytest.approx(
        {"precision": 0.5, "recall": 1 / 3, "f1": 0.4, "errors": 2, "n": 3}
    )
    assert sum(row["errors"] for row in scores["per_class"].values()) == scores["errors"]


def test_confused_pairs_come_most_frequent_first_and_ties_by_label() -> None:
    scores = classification_scores(LABELS, _probabilities(GUESSES, 4), NAMES, 10)
    assert scores["most_confused"] == [
        {"label": "Greek/alpha", "predicted": "Greek/beta", "count": 2},
        {"label": "ox", "predicted": "Ω", "count": 2},
        {"label": "Greek/beta", "predicted": "Greek/alpha", "count": 1},
    ]
    assert len(classification_scores(LABELS, _probabilities(GUESSES, 4), NAMES, 2)["most_confused"]) == 2


def test_a_perfect_classifier_confuses_nothing() -> None:
    scores = classification_scores(LABELS, _probabilities(LABELS, 4), NAMES, 10)
    assert scores["most_confused"] == []
    assert scores["accuracy"] == scores["f1_macro"] == 1.0


def test_classes_that_the_set_lacks_have_no_say_in_the_averages() -> None:
    scores = classification_scores(LABELS, _probabilities(LABELS, 10), tuple("abcdefghij"), 10)
    assert scores["f1_macro"] == scores["recall_weighted"] == 1.0
    assert scores["per_class"]["j"] == {"precision": None, "recall": None, "f1": None, "errors": 0, "n": 0}
    assert len(scores["per_class"]) == 10


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    scores = classification_scores(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]], np.float32), ("a", "b"), 1)
    assert math.isfinite(scores["loss"])
    assert scores["loss"] > 40


def test_mcnemar_is_the_binomial_test_over_the_discordant_images() -> None:
    labels = np.zeros(100, int)
    first, second = labels.copy(), labels.copy()
    first[:3] = 1  # Wrong here alone: 3.
    second[10:22] = 1  # Wrong here alone: 12.
    first[30:40] = second[30:40] = 1
    expected = 2 * sum(math.comb(15, k) for k in range(4)) / 2**15
    assert mcnemar_p(labels, first, second) == pytest.approx(expected)
    assert mcnemar_p(labels, first, second) == pytest.approx(binomtest(3, 15).pvalue)
    assert mcnemar_p(labels, second, first) == pytest.approx(expected)


def test_mcnemar_of_the_same_predictions_is_one() -> None:
    labels = np.arange(10)
    assert mcnemar_p(labels, labels, labels) == 1.0
    # Both wrong in the same places, differently: no image that just one gets right.
    assert mcnemar_p(labels, labels + 1, labels + 2) == 1.0
