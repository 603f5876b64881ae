"""Probabilities that mean what they say: temperature scaling, and when to answer `unsure`."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from digitrec.evaluation.scores import accuracy_scores

BINS = 15


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the number by which logits are divided so that the negative log-likelihood is lowest.

    One number cannot change which class is the most likely (Guo et al., arXiv 1706.04599).

    Parameters
    ----------
    logits : array
        Floats of shape (n, classes), of images that the network was not trained on.
    labels : array
        Integers of shape (n,).
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(labels, probabilities_at(logits, np.exp(log_temperature)))

    # From a twentieth to twentyfold: networks are off by a factor of two or three.
    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


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
        low and high (the bin's bounds), n, confidence (mean probability of the answers) and accuracy (None where no
        answer falls).
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = []
    for number in range(BINS):
        inside = bins == number
        stated, accuracy = (float(v[inside].mean()) if inside.any() else None for v in (confidence, right))
        bounds = {"low": number / BINS, "high": (number + 1) / BINS}
        rows.append({**bounds, "n": int(inside.sum()), "confidence": stated, "accuracy": accuracy})
    return rows


def calibration_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Say how far probabilities are from what happens.

    Returns
    -------
    dict
        ece (expected calibration error over 15 bins of equal width, Guo et al.), negative_log_likelihood (nats),
        brier (mean squared distance from the label's unit vector, from 0 to 2) and n.
    """
    rows = [row for row in reliability_rows(labels, probabilities) if row["n"]]
    ece = sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in rows) / len(labels)
    return {
        "ece": ece,
        "negative_log_likelihood": negative_log_likelihood(labels, probabilities),
        "brier": float(
            brier_score_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]), scale_by_half=False)
        ),
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


def choose_threshold(labels: np.ndarray, probabilities: np.ndarray, target_accuracy: float) -> float:
    """Find the lowest threshold from which on the answers are as accurate as wanted, on validation images.

    Returns
    -------
    float
        1.0 where no threshold is enough.
    """
    enough = [row for row in coverage_rows(labels, probabilities) if row["accuracy"] >= target_accuracy]
    return enough[0]["threshold"] if enough else 1.0


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
        temperature, threshold, n_valid, before and after (`calibration_scores`), answered (`answered_scores`), and
        answered_for_99_95, the same with the threshold for 99.95 %.
    before, after : array
        Probabilities of the test images, float64 of shape (n, classes).
    """
    (logits, labels), (test_logits, test_labels) = valid, test
    temperature = fit_temperature(logits, labels)
    calibrated = probabilities_at(logits, temperature)
    before, after = probabilities_at(test_logits, 1.0), probabilities_at(test_logits, temperature)
    threshold, strict = (choose_threshold(labels, calibrated, share) for share in (target_accuracy, 0.9995))
    metrics = {
        "temperature": temperature,
        "threshold": threshold,
        "n_valid": len(labels),
        "before": calibration_scores(test_labels, before),
        "after": calibration_scores(test_labels, after),
        "answered": answered_scores(test_labels, after, threshold),
        "answered_for_99_95": {"threshold": strict} | answered_scores(test_labels, after, strict),
    }
    return metrics, before, after
