"""A support vector machine with an RBF kernel, on principal components."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """scikit-learn's PCA, which takes as many components as there are where fewer are than it should take.

    Parameters
    ----------
    n_components : int
        At most so many.
    random_state : int
    """

    def __init__(self, n_components: int, random_state: int):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: Any = None) -> "PrincipalComponents":
        self.fit_transform(X)
        return self

    def fit_transform(self, X: np.ndarray, y: Any = None, **fit_params: Any) -> np.ndarray:
        self.pca_ = PCA(min(self.n_components, *X.shape), random_state=self.random_state)
        return self.pca_.fit_transform(X)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return self.pca_.transform(X)


def build(seed: int) -> Pipeline:
    """Build it on 50 principal components, on which it is fitted many times faster than on all pixels."""
    return make_pipeline(PrincipalComponents(50, random_state=seed), SVC(C=10, cache_size=1000))


def n_parameters(model: Pipeline) -> int:
    """Count components, support vectors and their coefficients."""
    components, svc = (step for _, step in model.steps)
    pca = components.pca_
    return pca.components_.size + pca.mean_.size + svc.support_vectors_.size + svc.dual_coef_.size + svc.intercept_.size
