"""Probabilities that mean what they say: temperature scaling, and when to answer `unsure`."""

import math
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from sklearn.metrics import brier_score_loss, log_loss

from digitrec.evaluation.scores import accuracy_scores, wilson_interval

BINS = 15
# Parts in which the validation images are held out in turn, and samples that an interval is made from.
FOLDS, SAMPLES = 10, 1000
# From a twentieth to twentyfold: networks are off by a factor of two or three.
LOG_TEMPERATURES = (-3.0, 3.0)
# With fewer errors than these among the validation answers, a word is said.
FEW_ERRORS = 10


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the number that logits are divided by, so that the probabilities are what the labels ask for.

    One number cannot change which class is the most likely (Guo et al., arXiv 1706.04599).

    The likelihood is highest where the labels' logits lie as far below the highest ones, in the sum over images, as the
    network expects. Where all answers are right that is at a temperature of 0, and every answer certain. But none wrong
    of n does not show that none of the next n will be: one may (Laplace's rule of succession). So of the temperatures
    between the likeliest one and that for one error more, as far off as the network's errors are expected to be, the
    nearest to 1 is taken. Of 6,000 images with 40 errors the two hardly differ; with none, the network may become as
    sure as to expect one error, or is left as it is.

    Parameters
    ----------
    logits : array
        Floats of shape (n, classes), of images that the network was not trained on.
    labels : array
        Integers of shape (n,).

    Returns
    -------
    float
        From a twentieth to twenty, 1 where logits do not differ.
    """
    logits, rows = logits.astype(np.float64), np.arange(len(labels))
    below = logits.max(1, keepdims=True) - logits
    seen = below[rows, labels].sum()
    others = np.ones(below.shape, bool)
    others[rows, logits.argmax(1)] = False

    def surplus(log_temperature: float, more: int) -> float:
        """How much further below the labels are expected to lie than they do, with so many errors more."""
        stated = probabilities_at(logits, np.exp(log_temperature))
        expected, errors = float((stated * below).sum()), float(stated[others].sum())
        return expected - seen - more * (expected / errors if errors else 1)

    def temperature(more: int) -> float:
        low, high = LOG_TEMPERATURES
        if surplus(low, more) >= 0:
            return math.exp(low)
        return math.exp(high if surplus(high, more) <= 0 else brentq(surplus, low, high, args=(more,)))

    return min(max(1.0, temperature(0)), temperature(1)) if below.any() else 1.0


def choose_temperature(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Fit a temperature, and keep it where it makes images likelier that it was not fitted on.

    Parameters
    ----------
    logits, labels : array
        As `fit_temperature` takes them.

    Returns
    -------
    dict
        temperature (1 where the gain is no larger than its standard error), fitted_temperature, and of tenfold
        cross-validation likelihood_gain (what the logarithm of the label's probability gains over that at 1, nats, mean
        over images) and likelihood_gain_error (its standard error).
    """
    rows, folds = np.arange(len(labels)), min(FOLDS, len(labels))
    plain, scaled = (np.zeros(len(labels)) for _ in range(2))
    for fold in range(folds if folds > 1 else 0):
        held_out = rows % folds == fold
        temperature = fit_temperature(logits[~held_out], labels[~held_out])
        for of_labels, divisor in ((plain, 1.0), (scaled, temperature)):
            of_labels[held_out] = _log_probabilities(logits[held_out], labels[held_out], divisor)
    gains = scaled - plain
    gain, error = float(gains.mean()), float(gains.std() / len(labels) ** 0.5)
    fitted = fit_temperature(logits, labels)
    return {
        "temperature": fitted if gain > error else 1.0,
        "fitted_temperature": fitted,
        "likelihood_gain": gain,
        "likelihood_gain_error": error,
    }


def _log_probabilities(logits: np.ndarray, labels: np.ndarray, temperature: float) -> np.ndarray:
    return log_softmax(logits.astype(np.float64) / temperature, axis=1)[np.arange(len(labels)), labels]


def probabilities_at(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Give the probabilities, float64 of shape (n, classes), that logits of that shape mean at a temperature."""
    return softmax(logits.astype(np.float64) / temperature, axis=1)


def negative_log_likelihood(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Give the mean over images, in nats."""
    return float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1])))


def reliability_rows(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Sort answers by their probability into 15 bins of equal width.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    probabilities : array
        Floats of shape (n, classes).

    Returns
    -------
    list of dict
        low and high (the bin's bounds), n, and, None where no answer falls, confidence (mean probability of the
        answers), accuracy, accuracy_low and accuracy_high (its 95 % interval).
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = []
    for number in range(BINS):
        inside = bins == number
        n = int(inside.sum())
        stated, accuracy = (float(v[inside].mean()) if n else None for v in (confidence, right))
        least, most = wilson_interval(int(right[inside].sum()), n) if n else (None, None)
        row = {"low": number / BINS, "high": (number + 1) / BINS, "n": n, "confidence": stated, "accuracy": accuracy}
        rows.append(row | {"accuracy_low": least, "accuracy_high": most})
    return rows


def calibration_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Say how far probabilities are from what happens.

    Returns
    -------
    dict
        ece (expected calibration error over 15 bins of equal width, Guo et al.), ece_ci95 (95 % of the values of 1,000
        samples drawn with replacement; like ece itself, above the truth where answers are few), ece_adaptive (the same
        over 15 bins of equally many answers, Nixon et al., arXiv 1904.01685), negative_log_likelihood (nats), brier
        (mean squared distance from the label's unit vector, from 0 to 2) and n.
    """
    confidence = probabilities.max(1)
    surplus = (probabilities.argmax(1) == labels) - confidence
    of_width = np.minimum((confidence * BINS).astype(int), BINS - 1)
    of_count = np.empty(len(labels), int)
    of_count[np.argsort(confidence, kind="stable")] = np.arange(len(labels)) * BINS // len(labels)
    in_bins = np.zeros((len(labels), BINS))
    in_bins[np.arange(len(labels)), of_width] = surplus
    rng, evenly = np.random.default_rng(0), np.full(len(labels), 1 / len(labels))
    # How often each image is drawn; one sample after the other, for all together would take 8 kilobytes an image.
    drawn = [abs(rng.multinomial(len(labels), evenly) @ in_bins).sum() / len(labels) for _ in range(SAMPLES)]
    numbers = np.arange(probabilities.shape[1])
    return {
        "ece": float(abs(in_bins.sum(0)).sum() / len(labels)),
        "ece_ci95": [float(value) for value in np.quantile(drawn, [0.025, 0.975])],
        "ece_adaptive": float(abs(np.bincount(of_count, surplus)).sum() / len(labels)),
        "negative_log_likelihood": negative_log_likelihood(labels, probabilities),
        "brier": float(brier_score_loss(labels, probabilities, labels=numbers, scale_by_half=False)),
        "n": len(labels),
    }


def coverage_rows(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Leave out the least sure answers, more and more of them.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    probabilities : array
        Floats of shape (n, classes).

    Returns
    -------
    list of dict
        From all answers to the surest alone, a row for each different probability: threshold (answers below it are
        left out), coverage (share of the images that are answered), answered, errors and accuracy among them.
    """
    confidence = probabilities.max(1)
    order = np.argsort(confidence, kind="stable")
    wrong = (probabilities.argmax(1) != labels)[order]
    thresholds, first = np.unique(confidence[order], return_index=True)
    answered = len(labels) - first
    errors = wrong[::-1].cumsum()[::-1][first]
    return [
        {
            "threshold": float(threshold),
            "coverage": int(count) / len(labels),
            "answered": int(count),
            "errors": int(missed),
            "accuracy": 1 - int(missed) / int(count),
        }
        for threshold, count, missed in zip(thresholds, answered, errors, strict=True)
    ]


def answers_needed(target_accuracy: float) -> float:
    """Give the least number of right answers of which one error more would leave the wanted share; infinity for all."""
    return math.ceil(target_accuracy / (1 - target_accuracy) - 1e-9) if target_accuracy < 1 else math.inf


def choose_threshold(labels: np.ndarray, probabilities: np.ndarray, target_accuracy: float) -> tuple[float, bool]:
    """Find the lowest threshold from which on the answers are as accurate as wanted, on validation images.

    Three right answers of three do not show that 998 of a thousand will be: there must be so many answers that with one
    error more (Laplace's rule of succession) all right ones are still enough.

    Returns
    -------
    threshold : float
    shown : bool
        False where the images are too few, or the network not good enough, for any threshold to be shown to do. Then
        an answer must be as probable as right answers are wanted, and more so where that left out too few wrong ones.
    """
    rows = [row for row in coverage_rows(labels, probabilities) if row["accuracy"] >= target_accuracy]
    if not rows:
        return 1.0, False
    lowest = rows[0]["threshold"]
    if rows[0]["answered"] >= answers_needed(target_accuracy):
        return lowest, True
    return max(lowest, target_accuracy), False


def answered_scores(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, Any]:
    """Score the answers that are sure enough: coverage, answered, and of these accuracy, its interval and errors."""
    sure = probabilities.max(1) >= threshold
    counts = {"coverage": float(sure.mean()), "answered": int(sure.sum())}
    if not sure.any():
        return counts
    scores = accuracy_scores(labels[sure], probabilities[sure].argmax(1))
    return counts | {key: scores[key] for key in ("accuracy", "accuracy_ci95", "errors")}


def calibrate(
    valid: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], target_accuracy: float
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Choose temperature and threshold on validation images, and score them on test images.

    Parameters
    ----------
    valid, test : (array, array)
        Logits, floats of shape (n, classes), and labels, integers of shape (n,).
    target_accuracy : float
        Wanted of the answers that are given.

    Returns
    -------
    metrics : dict
        What `choose_temperature` gives; threshold, n_valid, errors_valid, notes (what is not known from so few images,
        a sentence each), before and after (`calibration_scores`), answered (`answered_scores`), and
        answered_for_99_95, the same with the threshold for 99.95 %.
    before, after : array
        Probabilities of the test images, float64 of shape (n, classes).
    """
    (logits, labels), (test_logits, test_labels) = valid, test
    chosen = choose_temperature(logits, labels)
    temperature = chosen["temperature"]
    calibrated = probabilities_at(logits, temperature)
    before, after = probabilities_at(test_logits, 1.0), probabilities_at(test_logits, temperature)
    threshold, shown = choose_threshold(labels, calibrated, target_accuracy)
    strict, _ = choose_threshold(labels, calibrated, 0.9995)
    errors = accuracy_scores(labels, calibrated.argmax(1))["errors"]
    metrics = {
        **chosen,
        "threshold": threshold,
        "n_valid": len(labels),
        "errors_valid": errors,
        "notes": _notes(len(labels), errors, chosen, target_accuracy, None if shown else threshold),
        "before": calibration_scores(test_labels, before),
        "after": calibration_scores(test_labels, after),
        "answered": answered_scores(test_labels, after, threshold),
        "answered_for_99_95": {"threshold": strict} | answered_scores(test_labels, after, strict),
    }
    return metrics, before, after


def _notes(n: int, errors: int, chosen: dict[str, float], target_accuracy: float, threshold: float | None) -> list[str]:
    """Say what the validation images cannot tell; `threshold` where it was not shown to do."""
    notes, temperature = [], chosen["temperature"]
    if temperature != chosen["fitted_temperature"]:
        notes.append(
            f"probabilities are the network's own: a temperature of {chosen['fitted_temperature']:.3g} makes held-out "
            f"answers likelier by {chosen['likelihood_gain']:.2g} nats an image, give or take "
            f"{chosen['likelihood_gain_error']:.2g}, which is within the noise"
        )
    if errors < FEW_ERRORS:
        notes.append(
            f"{errors} of {n:,} validation answers are wrong: too few errors to know the temperature well; it is "
            "left as near to 1 as one error more allows"
        )
    if any(math.isclose(math.log(temperature), bound, abs_tol=0.01) for bound in LOG_TEMPERATURES):
        notes.append(
            f"the temperature is at its bound, {temperature:.3g}: the validation images do not say how sure the "
            "network's answers may be"
        )
    if threshold is not None:
        needed = answers_needed(target_accuracy)
        why = (
            "which no number of images can show"
            if needed == math.inf
            else f"which takes at least {needed:,}, all right"
            if n < needed
            else "because too many of the surest are wrong"
        )
        notes.append(
            f"{n:,} validation images show for no threshold that {100 * target_accuracy:g} % of the answers above it "
            f"are right, {why}; answers below a probability of {threshold:.4g} are unsure"
        )
    return notes
