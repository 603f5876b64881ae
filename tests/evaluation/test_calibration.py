import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss

from digitrec.evaluation.calibration import (
    answered_scores,
    calibrate,
    calibration_scores,
    choose_temperature,
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
    # Sorted by probability, each is alone in its bin.
    assert scores["ece_adaptive"] == pytest.approx((0.1 + 0.4 + 0.6) / 3)


def test_the_interval_of_the_calibration_error_holds_it_and_narrows_with_more_answers() -> None:
    logits, labels = _drawn(4000, 3.0)
    few, many = (calibration_scores(labels[:n], softmax(logits[:n], axis=1)) for n in (400, 4000))
    for scores in (few, many):
        low, high = scores["ece_ci95"]
        assert low < scores["ece"] < high
    assert np.diff(many["ece_ci95"]) < np.diff(few["ece_ci95"]) / 2


@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_a_temperature_that_makes_held_out_answers_likelier_is_kept(sharpness: float) -> None:
    logits, labels = _drawn(1000, sharpness)
    chosen = choose_temperature(logits, labels)
    assert chosen["temperature"] == chosen["fitted_temperature"] == fit_temperature(logits, labels)
    assert chosen["likelihood_gain"] > 3 * chosen["likelihood_gain_error"] > 0


def test_a_temperature_that_gains_no_more_than_noise_is_left_at_one_and_said() -> None:
    logits, labels = _drawn(300, 1.0)
    chosen = choose_temperature(logits, labels)
    assert chosen["temperature"] == 1 != chosen["fitted_temperature"]
    assert chosen["likelihood_gain"] <= chosen["likelihood_gain_error"]
    metrics, before, after = calibrate((logits, labels), (logits, labels), 0.5)
    np.testing.assert_array_equal(before, after)
    assert metrics["notes"][0].startswith("probabilities are the network's own: a temperature of ")


def test_of_a_single_image_nothing_can_be_held_out() -> None:
    chosen = choose_temperature(np.array([[0.0, 5.0]]), np.array([0]))
    assert (chosen["temperature"], chosen["likelihood_gain"]) == (1, 0)


def test_every_answer_is_in_one_bin_and_empty_bins_say_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = reliability_rows(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert [row["n"] for row in rows] == [0] * 7 + [1] + [0] * 6 + [1]
    assert rows[0]["accuracy"] is None
    assert (rows[-1]["confidence"], rows[-1]["accuracy"]) == (1.0, 1.0)
    # Wilson's interval of one right answer of one.
    assert (rows[-1]["accuracy_low"], rows[-1]["accuracy_high"]) == (pytest.approx(0.2065, abs=1e-4), 1.0)


ANSWERS = np.array([[0.95, 0.05], [0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
LABELS = np.array([0, 0, 0, 0, 1])


def test_leaving_out_unsure_answers_is_counted_from_all_to_the_surest() -> None:
    rows = coverage_rows(LABELS, ANSWERS)
    assert [row["threshold"] for row in rows] == [0.6, 0.7, 0.8, 0.9, 0.95]
    assert [row["answered"] for row in rows] == [5, 4, 3, 2, 1]
    assert [row["errors"] for row in rows] == [2, 1, 1, 0, 0]
    assert [row["coverage"] for row in rows] == [1.0, 0.8, 0.6, 0.4, 0.2]


def _surely_right(n: int, errors: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of an easy set as a trained network gives them, some of the least sure wrong, and their labels."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (n, 10))
    labels = np.arange(n) % 10
    logits[np.arange(n), labels] += np.sort(rng.gamma(4, 3, n))
    labels = np.where(np.arange(n) < errors, np.argsort(logits, axis=1)[:, -2], logits.argmax(1))
    return logits, labels


def _expected_errors(logits: np.ndarray) -> float:
    return float((1 - softmax(logits, axis=1).max(1)).sum())


@pytest.mark.parametrize("sharpness", [0.2, 0.3, 0.5])
def test_where_all_answers_are_right_a_network_that_expects_errors_becomes_as_sure_as_to_expect_one(
    sharpness: float,
) -> None:
    logits, labels = _surely_right(144)
    assert _expected_errors(sharpness * logits) > 1
    temperature = fit_temperature(sharpness * logits, labels)
    assert temperature < 1
    assert _expected_errors(sharpness * logits / temperature) == pytest.approx(1)


@pytest.mark.parametrize("sharpness", [5, 30, 1000])
def test_where_all_answers_are_right_a_network_that_expects_no_error_is_left_as_it_is(sharpness: float) -> None:
    logits, labels = _surely_right(144)
    assert _expected_errors(sharpness * logits) < 1
    assert fit_temperature(sharpness * logits, labels) == 1


def test_the_fewest_images_and_logits_that_do_not_differ_have_a_temperature() -> None:
    assert fit_temperature(np.array([[5.0, 0.0]]), np.array([0])) == 1
    assert fit_temperature(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])) == 1


def test_many_images_with_errors_decide_for_themselves() -> None:
    logits, labels = _surely_right(6000)
    labels[:40] = np.argsort(logits, axis=1)[:40, -2]

    def loss(log_temperature: float) -> float:
        return log_loss(labels, softmax(logits / np.exp(log_temperature), axis=1), labels=range(10))

    likeliest = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)
    assert fit_temperature(logits, labels) == pytest.approx(likeliest, rel=0.03)


@pytest.mark.parametrize(("target", "threshold"), [(0.5, 0.6), (0.75, 0.7), (0.9, 0.9)])
def test_the_lowest_threshold_that_is_accurate_enough_is_chosen(target: float, threshold: float) -> None:
    many = np.tile(LABELS, 20), np.tile(ANSWERS, (20, 1))
    assert choose_threshold(*many, target) == (threshold, True)
    assert answered_scores(*many, threshold)["accuracy"] >= target


@pytest.mark.parametrize(("n", "shown"), [(498, False), (499, True)])
def test_a_threshold_for_998_in_a_thousand_takes_499_right_answers(n: int, shown: bool) -> None:
    labels, answers = np.zeros(n, int), np.tile([0.9, 0.1], (n, 1))
    assert choose_threshold(labels, answers, 0.998) == (0.9 if shown else 0.998, shown)


def test_where_no_threshold_is_shown_to_do_an_answer_must_be_as_probable_as_wanted_and_than_wrong_ones() -> None:
    assert choose_threshold(LABELS, ANSWERS, 0.8) == (0.9, False)
    assert choose_threshold(LABELS, ANSWERS, 0.95) == (0.95, False)
    assert choose_threshold(LABELS, ANSWERS, 1.0) == (1.0, False)


def test_where_even_the_surest_answer_is_wrong_nothing_is_answered() -> None:
    assert choose_threshold(np.array([1]), np.array([[0.99, 0.01]]), 0.9) == (1.0, False)
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
    assert metrics["notes"] == []
    assert metrics["errors_valid"] == (valid[0].argmax(1) != valid[1]).sum() > 10
    temperature = fit_temperature(*valid)
    assert metrics["temperature"] == temperature
    assert (metrics["threshold"], True) == choose_threshold(valid[1], probabilities_at(valid[0], temperature), 0.9)
    assert metrics["n_valid"] == 1000
    np.testing.assert_array_equal(before, probabilities_at(test[0], 1.0))
    np.testing.assert_array_equal(after, probabilities_at(test[0], temperature))
    assert metrics["before"] == calibration_scores(test[1], before)
    assert metrics["after"] == calibration_scores(test[1], after)
    assert metrics["answered"] == answered_scores(test[1], after, metrics["threshold"])
    assert metrics["answered_for_99_95"]["threshold"] > metrics["threshold"]


def _notes(valid: tuple[np.ndarray, np.ndarray], target: float) -> list[str]:
    return calibrate(valid, _surely_right(50), target)[0]["notes"]


def test_what_few_validation_images_cannot_tell_is_said() -> None:
    few, threshold = _notes(_surely_right(144), 0.998)
    assert few.startswith("0 of 144 validation answers are wrong: too few errors to know the temperature well")
    assert threshold == (
        "144 validation images show for no threshold that 99.8 % of the answers above it are right, which takes at "
        "least 499, all right; answers below a probability of 0.998 are unsure"
    )
    (few,) = _notes(_surely_right(2000, errors=9), 0.9)
    assert few.startswith("9 of 2,000 validation answers are wrong")
    assert _notes(_surely_right(2000, errors=10), 0.9) == []


def test_no_number_of_images_shows_that_all_answers_are_right() -> None:
    (threshold,) = _notes(_surely_right(2000, errors=10), 1.0)
    assert "that 100 % of the answers above it are right, which no number of images can show" in threshold


def test_a_network_whose_surest_answers_are_wrong_too_often_is_told_so() -> None:
    logits, labels = _surely_right(2000)
    labels[::9] = (labels[::9] + 1) % 10
    (threshold,) = _notes((logits, labels), 0.998)
    assert "because too many of the surest are wrong" in threshold


def test_a_temperature_at_its_bound_is_said() -> None:
    logits, labels = _surely_right(200)
    (bound, _) = _notes((logits, (labels + 1) % 10), 0.9)
    assert bound.startswith("the temperature is at its bound, 20.")
