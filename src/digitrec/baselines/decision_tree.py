"""A single decision tree."""

from sklearn.tree import DecisionTreeClassifier


def build(seed: int) -> DecisionTreeClassifier:
    """Build scikit-learn's defaults: grown until every leaf is pure."""
    return DecisionTreeClassifier(random_state=seed)


def n_parameters(model: DecisionTreeClassifier) -> int:
    """Count a feature and a threshold for each inner node, a class for each leaf."""
    leaves = model.get_n_leaves()
    return 2 * (model.tree_.node_count - leaves) + leaves
