"""What a search found: the candidates in order, what is said about them, their ways through the parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from digitrec.search.space import candidate_of, columns, parameter_grid
from digitrec.spec import Hyperparameters, SearchSpec


class SearchResult(NamedTuple):
    """The outcome of a search.

    Attributes
    ----------
    best : Hyperparameters
        The winner.
    summary : dict
        best_params (the winner as JSON), best_score, best_score_std, n_candidates, n_fits, n_failed, strategy, engine,
        at_grid_edge.
    rows : list of dict
        One a candidate, best first: its parameters, the last round that it reached (from 1), the images used there,
        score and score_std over the folds, score_1 and so on. A network's argument has its own name, or
        `architecture.NAME` where something else is called that.
    space : dict of list
        What was tried of each parameter, by the names of the rows.
    """

    best: Hyperparameters
    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    space: dict[str, list]

    @property
    def parallel_rows(self) -> list[dict[str, Any]]:
        """Each candidate's way through the parameters, for parallel coordinates."""
        return parallel_rows(self.rows, self.space)


def summarize(search: SearchSpec, results: Mapping[str, Any], engine: str, n_fits: int, n_failed: int) -> SearchResult:
    """Sum a search up.

    Parameters
    ----------
    search : SearchSpec
    results : mapping
        `cv_results_` of scikit-learn.
    engine : str
        The one that fitted.
    n_fits, n_failed : int
        Cells, and those without a score.

    Returns
    -------
    SearchResult
        The best score is NaN if every candidate failed on a fold.
    """
    space = columns(parameter_grid(search))
    ranked = _ranked(results, search.cv, list(space))
    best, first = candidate_of(ranked[0][0]), ranked[0][1]
    summary = {
        "best_params": best.model_dump(mode="json"),
        "best_score": first["score"],
        "best_score_std": first["score_std"],
        "n_candidates": len(ranked),
        "n_fits": n_fits,
        "n_failed": n_failed,
        "strategy": search.strategy,
        "engine": engine,
        "at_grid_edge": at_grid_edge(first, space),
    }
    return SearchResult(best, summary, [row for _, row in ranked], space)


def _ranked(results: Mapping[str, Any], cv: int, names: Sequence[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each candidate's parameters, as scikit-learn has them, and its row, best first."""
    last: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for number, params in enumerate(results["params"]):
        named = columns(params)
        row = {name: named[name] for name in names}
        row["round"] = int(results["iter"][number]) + 1 if "iter" in results else 1
        if "n_resources" in results:
            row["n_images"] = int(results["n_resources"][number])
        row["score"] = float(results["mean_test_score"][number])
        row["score_std"] = float(results["std_test_score"][number])
        for fold in range(cv):
            row[f"score_{fold + 1}"] = float(results[f"split{fold}_test_score"][number])
        # Later rounds come later, so each candidate keeps its last.
        last[repr(sorted(params.items()))] = params, row
    return sorted(last.values(), key=lambda each: (-each[1]["round"], -np.nan_to_num(each[1]["score"], nan=-1.0)))


def at_grid_edge(best: Mapping[str, Any], space: Mapping[str, list]) -> dict[str, str]:
    """Say which numeric choices are the lowest or highest value that was tried: a wider grid might find better."""
    return {
        key: "lowest" if best[key] == min(values) else "highest"
        for key, values in space.items()
        if len(values) > 1 and not isinstance(best[key], str) and best[key] in (min(values), max(values))
    }


def parallel_rows(rows: Sequence[Mapping[str, Any]], space: Mapping[str, Sequence]) -> list[dict[str, Any]]:
    """Give each candidate's way through the parameters, for parallel coordinates.

    Parameters
    ----------
    rows, space
        As `SearchResult` has them. Only parameters of which more than one value was tried get an axis, all of them if
        there is none.

    Returns
    -------
    list of dict
        One a candidate and axis (the parameters, then the score), the best candidate last, so that it is drawn over
        the others: candidate (its rank, from 1), round, score, axis, value, and position and centre, from 0 to 1 along
        the axis. A value is a band about its centre, in which candidates stand by rank; a score is a point.
    """
    rows = [row for row in rows if np.isfinite(row["score"])]
    axes = {key: list(values) for key, values in space.items() if len(values) > 1} or space
    scores = [row["score"] for row in rows]
    low, high = min(scores), max(scores)
    points = []
    for rank, row in reversed(list(enumerate(rows, start=1))):
        common = {"candidate": rank, "round": row["round"], "score": row["score"]}
        within = 0.7 * (0.5 - (rank - 0.5) / len(rows))
        for key, values in axes.items():
            centre = values.index(row[key]) + 0.5
            place = {"position": (centre + within) / len(values), "centre": centre / len(values)}
            points.append(common | {"axis": key, "value": row[key]} | place)
        share = (row["score"] - low) / (high - low) if high > low else 0.5
        points.append(common | {"axis": "score", "value": f"{row['score']:.4f}", "position": share, "centre": share})
    return points
