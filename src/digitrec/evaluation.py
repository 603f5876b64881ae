"""What is written and drawn of a trained network's answers."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from digitrec.plots import confusion_figure, gallery, history_figure


def prediction_rows(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, object]]:
    """Make a row for each image: index, label, predicted, and the probability of each of the two."""
    predicted = probabilities.argmax(1)
    return [
        {
            "index": index,
            "label": int(label),
            "predicted": int(guess),
            "probability": round(float(row[guess]), 4),
            "probability_of_label": round(float(row[label]), 4),
        }
        for index, (label, guess, row) in enumerate(zip(labels, predicted, probabilities, strict=True))
    ]


def evaluation_figures(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    history: Sequence[Mapping[str, float]],
    n_errors: int,
) -> dict[str, Figure]:
    """Draw the confusion matrix, the training's history and the wrong answers.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    probabilities : array
        Floats of shape (n, classes).
    history : sequence of mapping
        As `history_figure` takes it.
    n_errors : int
        Wrong answers drawn at most, the most confident first.

    Returns
    -------
    dict
        confusion, history and errors.
    """
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:n_errors]
    titles = [f"{labels[k]} → {predicted[k]}\n{100 * confidence[k]:.0f} %" for k in shown]
    heading = f"Wrong answers: {len(shown)} of {len(wrong)}, the most confident first (label → predicted, probability)"
    classes = np.arange(probabilities.shape[1])
    return {
        "confusion": confusion_figure(confusion_matrix(labels, predicted, labels=classes)),
        "history": history_figure(history),
        "errors": gallery(images[shown], titles, heading),
    }
