"""Multinomial logistic regression."""

from sklearn.linear_model import LogisticRegression


def build(seed: int) -> LogisticRegression:
    """Build scikit-learn's defaults, with as many steps of L-BFGS as they need."""
    return LogisticRegression(max_iter=1000, tol=1e-3, random_state=seed)


def n_parameters(model: LogisticRegression) -> int:
    """Count weights and intercepts."""
    return model.coef_.size + model.intercept_.size
