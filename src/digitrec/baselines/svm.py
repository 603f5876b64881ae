"""A support vector machine with an RBF kernel, on principal components."""

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC


def build(seed: int) -> Pipeline:
    """Build it on 50 principal components, on which it is fitted many times faster than on 784 pixels."""
    return make_pipeline(PCA(50, random_state=seed), SVC(C=10, cache_size=1000))


def n_parameters(model: Pipeline) -> int:
    """Count components, support vectors and their coefficients."""
    pca, svc = (step for _, step in model.steps)
    return pca.components_.size + pca.mean_.size + svc.support_vectors_.size + svc.dual_coef_.size + svc.intercept_.size
