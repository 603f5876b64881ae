"""What is wrong with a search, found out before any fit."""

from collections.abc import Mapping
from itertools import islice, product
from typing import Any

import numpy as np

from digitrec.errors import ParamsError
from digitrec.search.cells import Problem
from digitrec.search.strategies import candidates_by_round
from digitrec.spec import SearchSpec
from digitrec.training.network import build_network

# Architectures that are tried before the network is thought to take none.
MOST_TRIED = 1000


def with_every_class(search: SearchSpec, n_classes: int) -> SearchSpec:
    """Let halving begin with so many images that each fold has room for one of every class."""
    if search.strategy == "grid" or search.min_images >= search.cv * n_classes:
        return search
    return search.model_copy(update={"min_images": search.cv * n_classes})


def check_search(problem: Problem, search: SearchSpec, labels: np.ndarray) -> None:
    """Refuse a search that cannot be.

    Parameters
    ----------
    problem : Problem
    search : SearchSpec
        As `with_every_class` gives it.
    labels : array
        Integers of shape (n,).

    Raises
    ------
    ParamsError
        Naming every mistake.
    """
    mistakes = []
    counts = np.bincount(labels, minlength=problem.image.n_classes)
    rarest = int(counts.argmin())
    needed = search.cv * problem.image.n_classes
    if search.cv > counts[rarest]:
        mistakes.append(
            f"search.cv: got {search.cv}, but the rarest class, '{problem.image.classes[rarest]}', has "
            f"{counts[rarest]} images for training, and each fold needs one; give fewer folds or more images"
        )
    elif search.strategy == "halving" and search.max_images < needed:
        mistakes.append(
            f"search.max_images: got {search.max_images}, expected at least {needed}: {search.cv} folds with an image "
            f"of each of {problem.image.n_classes} classes"
        )
    rounds = candidates_by_round(search, len(labels))
    if search.cv * sum(rounds) > search.max_fits:
        candidates = " + ".join(f"{count:,}" for count in rounds)
        mistakes.append(
            f"search.max_fits: got {search.max_fits}, but {candidates} candidates ({search.strategy}) on {search.cv} "
            f"folds take {search.cv * sum(rounds):,} fits; raise it, or give fewer values in search.space and "
            "search.architectures"
        )
    mistakes += _refused_architectures(problem, search.architecture)
    if mistakes:
        raise ParamsError(mistakes)


def _refused_architectures(problem: Problem, space: Mapping[str, list]) -> list[str]:
    """Name the arguments that the network does not take, each beside others that it does take."""

    def refusals(architecture: Mapping[str, Any]) -> list[str]:
        try:
            build_network(problem.model, architecture, problem.image, problem.normalization)
        except ParamsError as error:
            return error.mistakes
        return []

    candidates = [dict(zip(space, values, strict=True)) for values in islice(product(*space.values()), MOST_TRIED)]
    good = next((candidate for candidate in candidates if not refusals(candidate)), None)
    if good is None:
        return refusals(candidates[0])
    return [text for key, values in space.items() for value in values for text in refusals(good | {key: value})]
