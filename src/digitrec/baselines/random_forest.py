"""A random forest."""

from sklearn.ensemble import RandomForestClassifier


def build(seed: int) -> RandomForestClassifier:
    """Build scikit-learn's defaults: 100 trees."""
    return RandomForestClassifier(random_state=seed)


def n_parameters(model: RandomForestClassifier) -> int:
    """Count a feature and a threshold for each inner node, a class for each leaf, over all trees."""
    leaves = sum(tree.get_n_leaves() for tree in model.estimators_)
    return 2 * (sum(tree.tree_.node_count for tree in model.estimators_) - leaves) + leaves
