"""What is written of a trained network's answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def prediction_rows(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Make a row for each image: index, label, predicted, and the probability of each of the two.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    probabilities : array
        Floats of shape (n, classes).
    """
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


def with_names(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Put names in place of the numbers of `label` and `predicted`."""
    return [{**row, "label": classes[row["label"]], "predicted": classes[row["predicted"]]} for row in rows]
