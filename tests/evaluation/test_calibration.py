import warnings

import numpy as np
import pytest
from scipy.special import softmax

from digitrec.evaluation.calibration import (
    answered_scores,
    calibrate,
    calibration_scores,
    choose_threshold,
    coverage_rows,
    fit_temperature,
    probabilities_at,
    reliability_rows,
)


def _drawn(n: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the probabilities that they mean when divided by `sharpness`."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (n, 10))
    labels = np.array([generator.choice(10, p=row) for row in softmax(logits, axis=1)])
    return logits * sharpness, labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_the_network_too_sure_or_not_sure_enough(sharpness: float) -> None:
    logits, labels = _drawn(4000, sharpness)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(sharpness, rel=0.05)
    after = calibration_scores(labels, softmax(logits / temperature, axis=1))
    before = calibration_scores(labels, softmax(logits, axis=1))
    assert after["negative_log_likelihood"] <= before["negative_log_likelihood"]
    assert after["ece"] < 0.03
    if sharpness != 1:
        assert after["ece"] < before["ece"] / 2
        assert after["brier"] < before["brier"]


def test_scores_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    scores = calibration_scores(np.array([0, 0, 1]), probabilities)
    # One answer at 0.9 that is right, two at 0.6 of which one is.
    assert scores["ece"] == pytest.approx((0.1 + 2 * 0.1) / 3)
    assert scores["negative_log_likelihood"] == pytest.approx(-np.log([0.9, 0.6, 0.4]).mean())
    assert scores["brier"] == pytest.approx((2 * 0.1**2 + 2 * 0.4**2 + 2 * 0.6**2) / 3)
    assert scores["n"] == 3


def test_every_answer_is_in_one_bin_and_empty_bins_say_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = reliability_rows(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert [row["n"] for row in rows] == [0] * 7 + [1] + [0] * 6 + [1]
    assert rows[0]["accuracy"] is None
    assert (rows[-1]["confidence"], rows[-1]["accuracy"]) == (1.0, 1.0)


ANSWERS = np.array([[0.95, 0.05], [0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
LABELS = np.array([0, 0, 0, 0, 1])


def test_leaving_out_unsure_answers_is_counted_from_all_to_the_surest() -> None:
    rows = coverage_rows(LABELS, ANSWERS)
    assert [row["threshold"] for row in rows] == [0.6, 0.7, 0.8, 0.9, 0.95]
    assert [row["answered"] for row in rows] == [5, 4, 3, 2, 1]
    assert [row["errors"] for row in rows] == [2, 1, 1, 0, 0]
    assert [row["coverage"] for row in rows] == [1.0, 0.8, 0.6, 0.4, 0.2]


@pytest.mark.parametrize(("target", "threshold"), [(0.5, 0.6), (0.75, 0.7), (0.9, 0.9), (1.0, 0.9)])
def test_the_lowest_threshold_that_is_accurate_enough_is_chosen(target: float, threshold: float) -> None:
    assert choose_threshold(LABELS, ANSWERS, target) == threshold
    assert answered_scores(LABELS, ANSWERS, threshold)["accuracy"] >= target


def test_where_even_the_surest_answer_is_wrong_nothing_is_answered() -> None:
    assert choose_threshold(np.array([1]), np.array([[0.99, 0.01]]), 0.9) == 1.0
    assert answered_scores(np.array([1]), np.array([[0.99, 0.01]]), 1.0) == {"coverage": 0.0, "answered": 0}


def test_probabilities_are_those_of_the_divided_logits_in_double_precision() -> None:
    logits = np.array([[2.0, 0.0]], np.float32)
    probabilities = probabilities_at(logits, 2.0)
    assert probabilities.dtype == np.float64
    assert probabilities[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_class_that_the_validation_images_lack_does_not_matter() -> None:
    logits, labels = _drawn(500, 2.0)
    without = labels != 9
    assert fit_temperature(logits[without], labels[without]) == pytest.approx(2.0, rel=0.2)


def test_temperature_and_threshold_come_from_the_validation_images_and_scores_from_the_test_images() -> None:
    logits, labels = _drawn(2000, 3.0)
    valid, test = (logits[:1000], labels[:1000]), (logits[1000:], labels[1000:])
    metrics, before, after = calibrate(valid, test, 0.9)
    temperature = fit_temperature(*valid)
    assert metrics["temperature"] == temperature
    assert metrics["threshold"] == choose_threshold(valid[1], probabilities_at(valid[0], temperature), 0.9)
    assert metrics["n_valid"] == 1000
    np.testing.assert_array_equal(before, probabilities_at(test[0], 1.0))
    np.testing.assert_array_equal(after, probabilities_at(test[0], temperature))
    assert metrics["before"] == calibration_scores(test[1], before)
    assert metrics["after"] == calibration_scores(test[1], after)
    assert metrics["answered"] == answered_scores(test[1], after, metrics["threshold"])
    assert metrics["answered_for_99_95"]["threshold"] > metrics["threshold"]
