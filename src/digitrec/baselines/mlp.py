"""scikit-learn's multi-layer perceptron."""

from sklearn.neural_network import MLPClassifier


def build(seed: int) -> MLPClassifier:
    """Build one hidden layer of 100 units; a tenth of the training images decides when to stop."""
    return MLPClassifier(early_stopping=True, n_iter_no_change=5, random_state=seed)


def n_parameters(model: MLPClassifier) -> int:
    """Count weights and biases."""
    return sum(part.size for part in [*model.coefs_, *model.intercepts_])
