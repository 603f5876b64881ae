"""Which candidates are tried on how many images: scikit-learn's searches, over scores that the journal holds."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold, check_cv
from sklearn.utils import resample

from digitrec.pipeline.seeding import derive_seed
from digitrec.search.cells import Cell
from digitrec.search.space import candidate_of, parameter_grid
from digitrec.spec import SearchSpec

Score = Callable[[Cell], float]
Compute = Callable[[Sequence[Cell], str], None]
Fold = tuple[np.ndarray, np.ndarray]


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
        return self.score_of(Cell(candidate_of(self.params), self.train_, X))


def candidates_by_round(search: SearchSpec, n_images: int) -> list[int]:
    """Count the candidates of each round, as scikit-learn's searches will try them.

    Parameters
    ----------
    search : SearchSpec
    n_images : int

    Returns
    -------
    list of int
    """
    counts = [math.prod(len(values) for values in parameter_grid(search).values())]
    if search.strategy == "halving":
        least, most = _images_a_round(search, n_images)
        needed = math.floor(math.log(counts[0], search.factor))
        possible = math.floor(math.log(most // least, search.factor))
        for _ in range(min(needed, possible)):
            counts.append(math.ceil(counts[-1] / search.factor))
    return counts


def _images_a_round(search: SearchSpec, n_images: int) -> tuple[int, int]:
    most = min(search.max_images, n_images)
    return min(search.min_images, most), most


def run_search(
    search: SearchSpec, labels: np.ndarray, seed: int, compute: Compute, score_of: Score
) -> GridSearchCV | HalvingGridSearchCV:
    """Search a space with the strategy that `search` names.

    Parameters
    ----------
    search : SearchSpec
        The candidates are all combinations of its values.
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
        As after `fit`, without a refit. Its parameters are those of `space.parameter_grid`.
    """
    # A fit that failed has the score NaN; any error here would be ours.
    settings: dict[str, Any] = {"refit": False, "error_score": "raise", "return_train_score": False}
    base: Any = GridSearchCV
    if search.strategy == "halving":
        base = HalvingGridSearchCV
        least, most = _images_a_round(search, len(labels))
        settings |= {
            "factor": search.factor,
            "min_resources": least,
            "max_resources": most,
            "random_state": derive_seed(seed, "halving"),
        }
    rounds = len(candidates_by_round(search, len(labels)))
    rows = np.arange(len(labels))
    folds = StratifiedKFold(search.cv, shuffle=True, random_state=derive_seed(seed, "folds"))
    whole = list(folds.split(rows, labels))

    class JournalledSearch(base):
        # scikit-learn looks at the signature to know what to pass, and that has changed from release to release.
        @functools.wraps(base._run_search)
        def _run_search(self, evaluate_candidates: Callable, **context: Any) -> None:
            done = 0

            def evaluate(candidates: Any, cv: Any = None, **more: Any) -> Any:
                nonlocal done
                done += 1
                candidates = list(candidates)
                # Halving's own parts of the folds, which are taken without a look at the labels, give but the sizes.
                parts = _stratified_parts(whole, cv.split(rows, labels), labels, self.random_state) if cv else whole
                cells = [Cell(candidate_of(params), *fold) for params in candidates for fold in parts]
                images = sum(map(len, parts[0]))
                compute(cells, f"round {done} of {rounds}: {len(candidates)} candidates on {images:,} images")
                return evaluate_candidates(candidates, cv=check_cv(parts), **more)

            super()._run_search(evaluate, **context)

    result = JournalledSearch(_Candidate(score_of), parameter_grid(search), cv=folds, **settings)
    return result.fit(rows, labels)


def _stratified_parts(folds: Sequence[Fold], sizes: Any, labels: np.ndarray, seed: int) -> list[Fold]:
    """Take parts of folds, of the sizes of others, in which each class has the share that it has of the whole."""

    def part(rows: np.ndarray, like: np.ndarray) -> np.ndarray:
        return resample(rows, replace=False, n_samples=len(like), stratify=labels[rows], random_state=seed)

    return [
        (part(train, like_train), part(test, like_test))
        for (train, test), (like_train, like_test) in zip(folds, sizes, strict=True)
    ]
