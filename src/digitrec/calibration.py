"""Probabilities that mean what they say: temperature scaling, and when to answer `unsure`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from digitrec.images import Normalization
from digitrec.params import Recipe
from digitrec.plots import TRAIN, VALID
from digitrec.scores import accuracy_scores
from digitrec.training import DigitClassifier, build_classifier

BINS = 15


def validation_rows(settings: Mapping[str, Any], labels: np.ndarray) -> np.ndarray:
    """Tell which training images the final training held out.

    Parameters
    ----------
    settings : mapping
        That it was made with, as the checkpoint's description holds them.
    labels : array
        Of the training images, integers of shape (n,).

    Returns
    -------
    array
        Row numbers, integers of shape (n_valid,).
    """
    classifier = build_classifier(
        settings["model"],
        settings["architecture"],
        **{key: settings[key] for key in ("lr", "max_epochs", "batch_size", "optimizer", "seed")},
        recipe=Recipe(**settings["recipe"]),
        normalization=Normalization(settings["mean"], settings["std"]),
    )
    _, held_out = classifier.get_split_datasets(np.arange(len(labels)), labels.astype(np.int64))
    return np.asarray(held_out.indices)


def network_logits(classifier: DigitClassifier, images: np.ndarray) -> np.ndarray:
    """Give what the network says before softmax: float64 of shape (n, classes) for uint8 images (n, 28, 28)."""
    return classifier.forward(images, device="cpu").numpy().astype(np.float64)


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
        return negative_log_likelihood(labels, softmax(logits / np.exp(log_temperature), axis=1))

    # From a twentieth to twentyfold: networks are off by a factor of two or three.
    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


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
        row = {"low": number / BINS, "high": (number + 1) / BINS, "n": int(inside.sum())}
        means = (float(values[inside].mean()) if row["n"] else None for values in (confidence, right))
        rows.append(row | dict(zip(("confidence", "accuracy"), means, strict=True)))
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


def calibration_figure(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, threshold: float, temperature: float
) -> Figure:
    """Draw test images: accuracy by stated probability, and accuracy by the share of images that are answered.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    before, after : array
        Probabilities of shape (n, classes), uncalibrated and calibrated.
    threshold, temperature : float
        That were chosen on validation images.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="gray", linestyle=":", label="perfect")
    for name, probabilities, colour in (("before", before, VALID), (f"after, T = {temperature:.2f}", after, TRAIN)):
        rows = [row for row in reliability_rows(labels, probabilities) if row["n"]]
        ece = calibration_scores(labels, probabilities)["ece"]
        points = [[row[key] for row in rows] for key in ("confidence", "accuracy")]
        # Most answers are nearly sure: an area by count would leave the others invisible.
        sizes = 12 * np.log1p([row["n"] for row in rows])
        left.plot(*points, color=colour, linewidth=1)
        left.scatter(*points, s=sizes, color=colour, label=f"{name}: ECE {100 * ece:.2f} %", zorder=3)
    left.set(xlabel="probability of the answer", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.02))
    left.set_title("Reliability, test set (15 bins; larger dot: more answers)", fontsize=10)
    left.legend(frameon=False, loc="upper left")

    rows = coverage_rows(labels, after)
    right.plot([100 * row["coverage"] for row in rows], [100 * row["accuracy"] for row in rows], color=TRAIN)
    chosen = answered_scores(labels, after, threshold)
    if chosen["answered"]:
        place = (100 * chosen["coverage"], 100 * chosen["accuracy"])
        right.plot(*place, "o", color=VALID)
        text = f"threshold {threshold:.3f}:\n{place[0]:.2f} % answered,\n{place[1]:.2f} % of them right"
        right.annotate(text, place, xytext=(-12, -12), textcoords="offset points", ha="right", va="top", fontsize=9)
    lowest = max(0.0, 100 * rows[0]["coverage"] - 8)
    right.set(xlabel="images answered, %", ylabel="answers right, %", xlim=(lowest, 100.2))
    right.set_title("Accuracy when unsure answers are left out, test set", fontsize=10)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
