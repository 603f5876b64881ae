"""Whether there are images enough for all that is done with them, found out before any of it."""

import math
from collections.abc import Sequence

import numpy as np

# Times that the largest class may hold the smallest without a warning.
IMBALANCE = 10


def too_few(counts: np.ndarray, classes: Sequence[str], folds: int, valid_fraction: float) -> list[str]:
    """Name everything that there are too few training images for.

    Parameters
    ----------
    counts : array
        Training images of each class, integers of shape (classes,).
    classes : sequence of str
        Names.
    folds : int
        Of the search.
    valid_fraction : float
        Share of the images that the final training holds out, below 1; 0 where it holds out none.
    """
    rarest = int(counts.argmin())
    if folds > counts[rarest]:
        return [
            f"search.cv: got {folds}, but the rarest class, '{classes[rarest]}', has {counts[rarest]} images for "
            "training, and each fold needs one; give fewer folds or more images"
        ]
    problem = split_problem(counts, valid_fraction) if valid_fraction else None
    return [problem] if problem else []


def split_problem(counts: np.ndarray, valid_fraction: float) -> str | None:
    """Say why a share of the images of each class cannot be held out; None where it can.

    Parameters
    ----------
    counts : array
        Images of each class that there is, integers of shape (classes,).
    valid_fraction : float
        The share, in (0, 1).
    """
    n, n_classes, rarest = int(counts.sum()), len(counts), int(counts.min())
    n_valid = math.ceil(valid_fraction * n)
    if rarest >= 2 and min(n_valid, n - n_valid) >= n_classes:
        return None
    return (
        f"valid_fraction: got {valid_fraction:g}, which of {n:,} images in {n_classes} classes (the rarest has "
        f"{rarest}) leaves no image of each class on both sides; give each class more images, or hold out another "
        "share in the recipe"
    )


def imbalance(counts: np.ndarray, classes: Sequence[str]) -> str | None:
    """Warn of classes that differ much in size.

    Parameters
    ----------
    counts : array
        Training images of each class, integers of shape (classes,).
    classes : sequence of str
        Names.

    Returns
    -------
    str or None
        A sentence where the largest class has ten times the images of the smallest or more.
    """
    low, high = int(counts.argmin()), int(counts.argmax())
    if counts[high] < IMBALANCE * counts[low]:
        return None
    return (
        f"class '{classes[high]}' has {counts[high]:,} images to train with, '{classes[low]}' only {counts[low]:,}: "
        "the network will favour the former; with `class_weight: balanced` in the recipe each class counts the same, "
        "as it does in the macro scores of metrics/evaluate.json"
    )
