"""Which candidates are tried on how many images: scikit-learn's searches, over scores that the journal holds."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold

from digitrec.params import Search
from digitrec.search.cells import Cell
from digitrec.seeding import derive_seed

Score = Callable[[Cell], float]
Compute = Callable[[Sequence[Cell], str], None]


class _Candidate(ClassifierMixin, BaseEstimator):
    """What scikit-learn takes for a classifier: its fit remembers the fold, its score asks for the cell's."""

    def __init__(self, score_of: Score, **params: Any):
        self.score_of = score_of
        self.params = params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"score_of": self.score_of, **self.params}

    def set_params(self, **params: Any) -> "_Candidate":
        self.score_of = params.pop("score_of", self.score_of)
        self.params.update(params)
        return self

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Candidate":
        self.train_ = X
        self.classes_ = np.unique(y)
        return self

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        return self.score_of(Cell(self.params, self.train_, X))


def candidates_by_round(search: Search, space: Mapping[str, list], n_images: int) -> list[int]:
    """Count the candidates of each round, as scikit-learn's searches will try them.

    Parameters
    ----------
    search : Search
    space : mapping
        A list of values for each parameter.
    n_images : int

    Returns
    -------
    list of int
    """
    counts = [math.prod(len(values) for values in space.values())]
    if search.strategy == "halving":
        least, most = _images_a_round(search, n_images)
        needed = math.floor(math.log(counts[0], search.factor))
        possible = math.floor(math.log(most // least, search.factor))
        for _ in range(min(needed, possible)):
            counts.append(math.ceil(counts[-1] / search.factor))
    return counts


def _images_a_round(search: Search, n_images: int) -> tuple[int, int]:
    most = min(search.max_images, n_images)
    return min(search.min_images, most), most


def run_search(
    search: Search,
    space: Mapping[str, list],
    labels: np.ndarray,
    seed: int,
    compute: Compute,
    score_of: Score,
) -> GridSearchCV | HalvingGridSearchCV:
    """Search a space with the strategy that `search` names.

    Parameters
    ----------
    search : Search
        strategy, cv, and for halving factor, min_images and max_images.
    space : mapping
        A list of values for each parameter; the candidates are all combinations.
    labels : array
        Integers of shape (n,), by which folds are stratified.
    seed : int
        Of the folds.
    compute : callable
        ``compute(cells, title)`` sees to it that all these cells have scores.
    score_of : callable
        ``score_of(cell)`` gives the score of one, NaN if its fit failed. A plain function: scikit-learn copies it.

    Returns
    -------
    GridSearchCV or HalvingGridSearchCV
        As after `fit`, without a refit.
    """
    # A fit that failed has the score NaN; any error here would be ours.
    settings: dict[str, Any] = {"refit": False, "error_score": "raise", "return_train_score": False}
    if search.strategy == "halving":
        base = HalvingGridSearchCV
        least, most = _images_a_round(search, len(labels))
        settings |= {
            "factor": search.factor,
            "min_resources": least,
            "max_resources": most,
            "random_state": derive_seed(seed, "halving"),
        }
    else:
        base = GridSearchCV
    rounds = len(candidates_by_round(search, space, len(labels)))

    class JournalledSearch(base):
        # scikit-learn looks at the signature to know what to pass, and that has changed from release to release.
        @functools.wraps(base._run_search)
        def _run_search(self, evaluate_candidates: Callable, **context: Any) -> None:
            done = 0

            def evaluate(candidates: Any, cv: Any = None, **more: Any) -> Any:
                nonlocal done
                done += 1
                candidates = list(candidates)
                folds = list((cv or self.cv).split(rows, labels))
                cells = [Cell(params, train, test) for params in candidates for train, test in folds]
                images = sum(map(len, folds[0]))
                compute(cells, f"round {done} of {rounds}: {len(candidates)} candidates on {images:,} images")
                return evaluate_candidates(candidates, cv=cv, **more)

            super()._run_search(evaluate, **context)

    rows = np.arange(len(labels))
    folds = StratifiedKFold(search.cv, shuffle=True, random_state=derive_seed(seed, "folds"))
    result = JournalledSearch(_Candidate(score_of), dict(space), cv=folds, **settings)
    return result.fit(rows, labels)
