"""What is wrong with a search, found out before any fit."""

from collections.abc import Mapping
from itertools import islice, product
from typing import Any

import numpy as np

from digitrec.data.enough import too_few
from digitrec.errors import ParamsError
from digitrec.search.cells import Problem
from digitrec.search.space import first_candidate
from digitrec.search.strategies import candidates_by_round
from digitrec.spec import SearchSpec
from digitrec.training.fit import why_not_one_image
from digitrec.training.network import build_network

# Architectures that are tried before the network is thought to take none.
MOST_TRIED = 1000


def least_images(search: SearchSpec, n_classes: int, n_images: int) -> int:
    """Give the least images of a round in which each fold has room for one of every class, of so many that there are.

    A round's share of a fold is rounded down, so where folds differ in size more are needed than the classes say.
    """
    least = search.cv * n_classes
    if (smallest := n_images - -(-n_images // search.cv)) >= n_classes:
        while int(least / n_images * smallest) < n_classes:
            least += 1
    return least


def with_every_class(search: SearchSpec, n_classes: int, n_images: int) -> SearchSpec:
    """Let halving begin with so many images that each fold has room for one of every class; see `least_images`."""
    least = least_images(search, n_classes, n_images)
    if search.strategy == "grid" or search.min_images >= least:
        return search
    return search.model_copy(update={"min_images": least})


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
    counts = np.bincount(labels, minlength=problem.image.n_classes)
    needed = least_images(search, problem.image.n_classes, len(labels))
    mistakes = too_few(counts, problem.image.classes, search.cv, problem.recipe.valid_fraction)
    if not mistakes and search.strategy == "halving" and search.max_images < needed:
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
    refused = _refused_architectures(problem, search.architecture)
    if not refused and 1 in search.space["batch_size"]:
        why = why_not_one_image(problem.training(first_candidate(search), 0), problem.image)
        refused += [f"search.space.batch_size: got 1, {why}"] if why else []
    mistakes += refused
    if mistakes:
        raise ParamsError(mistakes)


def _refused_architectures(problem: Problem, space: Mapping[str, list]) -> list[str]:
    """Name the arguments that the network does not take, each beside others that it does take."""

    def refusals(architecture: Mapping[str, Any]) -> list[str]:
        try:
            build_network(problem.model, architecture, problem.image, problem.normalization)
        except ParamsError as error:
            return error.mistakes
        # Sizes beyond what can be counted, or what there is memory for.
        except (OverflowError, MemoryError) as error:
            given = ", ".join(f"{key}={value!r}" for key, value in architecture.items())
            return [f"search.architectures.{problem.model}: the network cannot be built of {given} ({error})"]
        return []

    candidates = [dict(zip(space, values, strict=True)) for values in islice(product(*space.values()), MOST_TRIED)]
    good = next((candidate for candidate in candidates if not refusals(candidate)), None)
    if good is None:
        return refusals(candidates[0])
    return [text for key, values in space.items() for value in values for text in refusals(good | {key: value})]
