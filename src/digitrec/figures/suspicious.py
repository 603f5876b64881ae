"""Pictures of labels that are likely or known to be wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from digitrec.figures.gallery import answer_title, gallery

SHOWN = 60


def suspicious_figure(images: np.ndarray, rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Figure:
    """Draw the most suspicious training images.

    Parameters
    ----------
    images : array
        Of the training set, uint8 of shape (n, height, width, channels).
    rows : sequence of mapping
        index, label, predicted and probability (numbers, also as text), the most suspicious first.
    classes : sequence of str
        Names.
    """
    shown = rows[:SHOWN]
    titles = [answer_title(*_names(row, classes), float(row["probability"])) for row in shown]
    heading = f"Suspicious training labels: {len(shown)} of {len(rows)} (label → out-of-fold answer, its probability)"
    return gallery(_images_of(shown, images), titles, heading)


def known_wrong_figure(images: np.ndarray, rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Figure:
    """Draw the test images whose label is known to be wrong, with the final model's answers.

    Parameters
    ----------
    images : array
        Of the test set, uint8 of shape (n, height, width, channels).
    rows : sequence of mapping
        index, label (the wrong one) and predicted, likewise.
    classes : sequence of str
        Names.
    """
    titles = [f"no. {int(row['index'])}\n{' → '.join(_names(row, classes))}" for row in rows]
    errors = sum(int(row["label"]) != int(row["predicted"]) for row in rows)
    heading = (
        f"Test labels known to be wrong: {len(rows)}\n(label → final model's answer; {errors} answers count as errors)"
    )
    return gallery(_images_of(rows, images), titles, heading, 5)


def _images_of(rows: Sequence[Mapping[str, Any]], images: np.ndarray) -> np.ndarray:
    return images[[int(row["index"]) for row in rows]]


def _names(row: Mapping[str, Any], classes: Sequence[str]) -> tuple[str, str]:
    return classes[int(row["label"])], classes[int(row["predicted"])]
