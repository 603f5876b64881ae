"""What is written and drawn of a trained network's answers."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from digitrec.images import Augmentation, Normalization
from digitrec.params import Recipe
from digitrec.plots import confusion_figure, gallery, history_figure

SAMPLES_A_CLASS = 5


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


def augmented_samples(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, normalization: Normalization
) -> dict[str, Figure]:
    """Draw the first training images of each class, as they are and as the recipe's augmentation changes them.

    Parameters
    ----------
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    recipe : Recipe
    normalization : Normalization

    Returns
    -------
    dict
        samples and samples_augmented, with the same images at the same places.
    """
    classes, counts = np.unique(labels, return_counts=True)
    n = min(SAMPLES_A_CLASS, counts.min())
    first = np.stack([np.flatnonzero(labels == k)[:n] for k in classes], axis=1).ravel()
    titles = [str(k) for k in labels[first]]
    augmentation = Augmentation(recipe.rotation, recipe.scale, recipe.shift)
    normalized = normalization(torch.from_numpy(images[first]))
    changed = augmentation(normalized, torch.Generator().manual_seed(0), normalization.background)
    amounts = f"rotation ±{recipe.rotation:g}°, scale ±{100 * recipe.scale:g} %, shift ±{recipe.shift:g} px"
    heading = amounts if augmentation else "none in this recipe"
    columns = len(classes)
    return {
        "samples": gallery(images[first], titles, "Training images", columns),
        "samples_augmented": gallery(changed[:, 0].numpy(), titles, f"After augmentation: {heading}", columns),
    }
