"""A whole search: run it, journal it, sum it up."""

from collections.abc import Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digitrec.errors import DigitrecError, ParamsError
from digitrec.params import Search
from digitrec.progress import progress_bar
from digitrec.search import skorch_engine, stacked_engine
from digitrec.search.cells import Cell, Problem
from digitrec.search.journal import Journal
from digitrec.search.strategies import candidates_by_round, run_search
from digitrec.training import build_module

ENGINES = {"skorch": skorch_engine, "stacked": stacked_engine}
# Architectures that are tried before the network is thought to take none.
MOST_TRIED = 1000


class SearchResult(NamedTuple):
    """The outcome of a search.

    Attributes
    ----------
    summary : dict
        best_params, best_score, best_score_std, n_candidates, n_fits, n_failed, strategy, engine,
        at_grid_edge.
    rows : list of dict
        One a candidate, best first: its parameters, the last round that it reached (from 1), the images used there,
        score and score_std over the folds, score_1 and so on.
    space : dict of list
        What was tried of each parameter.
    """

    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    space: dict[str, list]

    @property
    def best_params(self) -> dict[str, Any]:
        """The winner: training parameters and arguments of the network."""
        return self.summary["best_params"]


def find_best(
    problem: Problem,
    search: Search,
    architecture_space: Mapping[str, list],
    labels: np.ndarray,
    journal_path: Path,
    jobs: int,
    device: str,
) -> SearchResult:
    """Search the space of training parameters and architectures.

    Parameters
    ----------
    problem : Problem
    search : Search
        The section of `params.yaml`.
    architecture_space : mapping
        Values of each argument of the network.
    labels : array
        Integers of shape (n,).
    journal_path : Path
        Finished fits are kept there; those that it holds already are not done again.
    jobs : int
        Fits at a time.
    device : str

    Returns
    -------
    SearchResult

    Raises
    ------
    ParamsError
        When the network refuses a candidate, there are more folds than images of a class, or more fits than
        `search.max_fits`.
    DigitrecError
        When no fit succeeded, or the cluster cannot be used.
    """
    space = {**search.space.model_dump(), **architecture_space}
    _check(problem, search, space, architecture_space, labels)
    journal = Journal(journal_path)
    engine = ENGINES[search.engine]
    fingerprint = problem.fingerprint(engine.MODULES)
    used: dict[str, None] = {}

    def compute(cells: Sequence[Cell], title: str) -> None:
        keys = [cell.key(fingerprint) for cell in cells]
        used.update(dict.fromkeys(keys))
        todo = [cell for cell, key in zip(cells, keys, strict=True) if key not in journal]
        print(f"{title}, {len(cells)} fits, {len(cells) - len(todo)} of them in the journal", flush=True)
        scores = [journal.score(key) for key in keys if key in journal]
        with progress_bar(sum(cell.work for cell in todo), "fits", unit="img", unit_scale=True) as bar:
            # A search that is complete needs no cluster.
            for finished in engine.fit_cells(problem, todo, jobs, device) if todo else ():
                # Together, because the others of a stack would not be the same without some that are done.
                journal.add_all(
                    (cell.key(fingerprint), score, reason, dict(cell.params)) for cell, score, reason in finished
                )
                scores += [np.nan if score is None else score for _, score, _ in finished]
                bar.set_postfix_str(f"{len(scores)}/{len(cells)} fits, best {np.nanmax([0, *scores]):.4f}", False)
                bar.update(sum(cell.work for cell, _, _ in finished))

    def score_of(cell: Cell) -> float:
        return journal.score(cell.key(fingerprint))

    found = run_search(search, space, labels, problem.seed, compute, score_of)
    reasons = {key: journal.entries[key]["reason"] for key in used if journal.entries[key]["reason"]}
    rows = _rows(found.cv_results_, search.cv, list(space))
    if np.isnan(rows[0]["score"]):
        kinds = "\n  ".join(sorted(set(reasons.values()))[:5])
        raise DigitrecError(f"gridsearch: no candidate could be trained on all folds:\n  {kinds}")
    best = {key: rows[0][key] for key in space}
    summary = {
        "best_params": best,
        "best_score": rows[0]["score"],
        "best_score_std": rows[0]["score_std"],
        "n_candidates": len(rows),
        "n_fits": len(used),
        "n_failed": len(reasons),
        "strategy": search.strategy,
        "engine": search.engine,
        "at_grid_edge": _edges(best, space),
    }
    return SearchResult(summary, rows, space)


def _check(
    problem: Problem,
    search: Search,
    space: Mapping[str, list],
    architecture_space: Mapping[str, list],
    labels: np.ndarray,
) -> None:
    mistakes = []
    rarest = int(np.bincount(labels).min())
    if search.cv > rarest:
        mistakes.append(f"search.cv: got {search.cv}, but the rarest class has {rarest} images")
    rounds = candidates_by_round(search, space, len(labels))
    if search.cv * sum(rounds) > search.max_fits:
        candidates = " + ".join(f"{count:,}" for count in rounds)
        mistakes.append(
            f"search.max_fits: got {search.max_fits}, but {candidates} candidates ({search.strategy}) on {search.cv} "
            f"folds take {search.cv * sum(rounds):,} fits; raise it, or give fewer values in search.space and "
            "search.architectures"
        )
    mistakes += _refused_architectures(problem.model, architecture_space)
    if mistakes:
        raise ParamsError(mistakes)


def _refused_architectures(model: str, space: Mapping[str, list]) -> list[str]:
    """Name the arguments that the network does not take, each beside others that it does take."""

    def refusals(architecture: Mapping[str, Any]) -> list[str]:
        try:
            build_module(model, architecture)
        except ParamsError as error:
            return error.mistakes
        return []

    candidates = [dict(zip(space, values, strict=True)) for values in islice(product(*space.values()), MOST_TRIED)]
    good = next((candidate for candidate in candidates if not refusals(candidate)), None)
    if good is None:
        return refusals(candidates[0])
    return [text for key, values in space.items() for value in values for text in refusals(good | {key: value})]


def _rows(results: Mapping[str, Any], cv: int, names: Sequence[str]) -> list[dict[str, Any]]:
    last: dict[str, dict[str, Any]] = {}
    for number, params in enumerate(results["params"]):
        row = {key: params[key] for key in names}
        row["round"] = int(results["iter"][number]) + 1 if "iter" in results else 1
        if "n_resources" in results:
            row["n_images"] = int(results["n_resources"][number])
        row["score"] = float(results["mean_test_score"][number])
        row["score_std"] = float(results["std_test_score"][number])
        for fold in range(cv):
            row[f"score_{fold + 1}"] = float(results[f"split{fold}_test_score"][number])
        # Later rounds come later, so each candidate keeps its last.
        last[repr(sorted(params.items()))] = row
    return sorted(last.values(), key=lambda row: (-row["round"], -np.nan_to_num(row["score"], nan=-1.0)))


def _edges(best: Mapping[str, Any], space: Mapping[str, list]) -> dict[str, str]:
    """Which numeric choices are the lowest or highest value that was tried: a wider grid might find better."""
    return {
        key: "lowest" if best[key] == min(values) else "highest"
        for key, values in space.items()
        if len(values) > 1 and not isinstance(best[key], str) and best[key] in (min(values), max(values))
    }
