"""scikit-learn's multi-layer perceptron."""

import math
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier


class Perceptron(MLPClassifier):
    """scikit-learn's, which stops early only where the images held out for it can be of all classes."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "Perceptron":
        counts = np.unique(y, return_counts=True)[1]
        held_out = math.ceil(self.validation_fraction * len(y))
        self.early_stopping = bool(counts.min() >= 2 and held_out >= len(counts))
        return super().fit(X, y, sample_weight)


def build(seed: int) -> Perceptron:
    """Build one hidden layer of 100 units; a tenth of the training images decides when to stop."""
    return Perceptron(n_iter_no_change=5, random_state=seed)


def n_parameters(model: Perceptron) -> int:
    """Count weights and biases."""
    return sum(part.size for part in [*model.coefs_, *model.intercepts_])
