"""How good predictions are: accuracy and its interval, scores by class, paired tests."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

# Of the normal distribution, 95 % lie within so many standard deviations.
DEVIATIONS = 1.959963984540054


def wilson_interval(successes: float, n: float) -> list[float]:
    """Give the 95 % Wilson score interval of a rate.

    Parameters
    ----------
    successes, n : float
        How many of how many; no whole numbers where what was counted is not independent and counts for fewer.

    Returns
    -------
    list of float
        The lower and the upper bound (Wilson 1927, doi 10.1080/01621459.1927.10502953).
    """
    square = DEVIATIONS**2
    centre = (successes + square / 2) / (n + square)
    half = DEVIATIONS * math.sqrt(successes * (n - successes) / n + square / 4) / (n + square)
    # Rounding must not lead past the ends.
    return [centre - half if successes > 0 else 0.0, centre + half if successes < n else 1.0]


def accuracy_scores(labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Count the errors.

    Parameters
    ----------
    labels, predictions : array
        Integers of shape (n,).

    Returns
    -------
    dict
        accuracy, accuracy_ci95, errors and n.
    """
    n = len(labels)
    errors = int(np.sum(labels != predictions))
    return {
        "accuracy": (n - errors) / n,
        "accuracy_ci95": wilson_interval(n - errors, n),
        "errors": errors,
        "n": n,
    }


def classification_scores(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], confused_pairs: int
) -> dict[str, Any]:
    """Score a classifier on a test set.

    Parameters
    ----------
    labels : array
        Integers of shape (n,), from 0 to classes - 1.
    probabilities : array
        Floats of shape (n, classes).
    classes : sequence of str
        Names.
    confused_pairs : int
        How many pairs of classes to list as most confused.

    Returns
    -------
    dict
        `accuracy_scores`, loss (mean negative log-likelihood), precision, recall and F1 (macro and weighted),
        per_class {name: {precision, recall, f1, errors, n}} and most_confused [{label, predicted, count}] by name.
        Of a class without images, precision, recall and F1 are None.
    """
    # Here, because the comparison with baselines does without and scikit-learn takes a second to import.
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    numbers = np.arange(len(classes))
    predictions = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predictions, labels=numbers)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=numbers, zero_division=0
    )
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    scores = accuracy_scores(labels, predictions)
    scores["loss"] = float(-np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)).mean())
    # A class that the set does not hold has no recall, so it has no say in the averages.
    present = support > 0
    for name, weights in (("macro", present.astype(float)), ("weighted", support.astype(float))):
        for kind, values in (("precision", precision), ("recall", recall), ("f1", f1)):
            scores[f"{kind}_{name}"] = float(np.average(values, weights=weights))
    scores["per_class"] = {
        name: {
            "precision": float(precision[k]) if present[k] else None,
            "recall": float(recall[k]) if present[k] else None,
            "f1": float(f1[k]) if present[k] else None,
            "errors": int(support[k] - confusion[k, k]),
            "n": int(support[k]),
        }
        for k, name in enumerate(classes)
    }
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:confused_pairs]
    scores["most_confused"] = [
        {"label": classes[k // len(classes)], "predicted": classes[k % len(classes)], "count": int(wrong.flat[k])}
        for k in order
        if wrong.flat[k]
    ]
    return scores


def mcnemar_p(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Test whether two classifiers err equally often on the same images.

    Parameters
    ----------
    labels, first, second : array
        Integers of shape (n,): the truth and two sets of predictions.

    Returns
    -------
    float
        Two-sided p-value of McNemar's exact test (McNemar 1947, doi 10.1007/BF02295996): binomial over the images
        that just one of the two gets right. 1.0 when there is none.
    """
    only_first = int(np.sum((first == labels) & (second != labels)))
    only_second = int(np.sum((first != labels) & (second == labels)))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)
