"""A whole search: fitted by an engine, kept in a journal."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digitrec.errors import DigitrecError
from digitrec.pipeline.progress import progress_bar
from digitrec.search import skorch_engine
from digitrec.search.cells import Cell, Problem
from digitrec.search.checks import check_search, with_every_class
from digitrec.search.dispatch import device_kinds
from digitrec.search.journal import Journal
from digitrec.search.stacked import engine as stacked_engine
from digitrec.search.strategies import run_search
from digitrec.search.summary import SearchResult, summarize
from digitrec.spec import SearchSpec

ENGINES = {"skorch": skorch_engine, "stacked": stacked_engine}


def choose_engine(wanted: str, kinds: Sequence[str]) -> str:
    """Give the engine that `auto` takes: on a CPU, fits one by one; where all devices are GPUs, stacks."""
    if wanted != "auto":
        return wanted
    return "skorch" if "cpu" in kinds else "stacked"


def find_best(
    problem: Problem, search: SearchSpec, labels: np.ndarray, journal_path: Path, jobs: int, device: str
) -> SearchResult:
    """Search the space of training parameters and architectures.

    Parameters
    ----------
    problem : Problem
    search : SearchSpec
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
        When the network refuses a candidate, there are more folds than images of a class, too few images in a round,
        or more fits than `search.max_fits`.
    DigitrecError
        When no fit succeeded, a GPU's memory is short, or the cluster cannot be used.
    """
    wanted, search = search, with_every_class(search, problem.image.n_classes, len(labels))
    check_search(problem, search, labels)
    if search != wanted:
        print(
            f"search.min_images: {wanted.min_images} images are too few for {search.cv} folds with all of "
            f"{problem.image.n_classes} classes; the first round takes {search.min_images}",
            flush=True,
        )
    # On a cluster, it is not known before where fits run, and their scores depend on it.
    kinds = device_kinds(device, problem.data_version)
    name = choose_engine(search.engine, kinds)
    engine = ENGINES[name]
    fingerprint = problem.fingerprint(engine.MODULES, kinds)
    journal = Journal(journal_path)
    used: dict[str, None] = {}

    def compute(cells: Sequence[Cell], title: str) -> None:
        keys = [cell.key(fingerprint) for cell in cells]
        used.update(dict.fromkeys(keys))
        todo = [cell for cell, key in zip(cells, keys, strict=True) if key not in journal]
        print(f"{title}, {len(cells)} fits, {len(cells) - len(todo)} of them in the journal", flush=True)
        scores = [journal.score(key) for key in keys if key in journal]
        with progress_bar(sum(cell.work for cell in todo), "fits", unit="img", unit_scale=True) as bar:
            for finished in engine.fit_cells(problem, todo, jobs, device) if todo else ():
                # Together, because the others of a stack would not be the same without some that are done.
                journal.add_all(
                    (cell.key(fingerprint), score, reason, cell.candidate.model_dump(mode="json"))
                    for cell, score, reason in finished
                )
                scores += [np.nan if score is None else score for _, score, _ in finished]
                bar.set_postfix_str(f"{len(scores)}/{len(cells)} fits, best {np.nanmax([0, *scores]):.4f}", False)
                bar.update(sum(cell.work for cell, _, _ in finished))

    def score_of(cell: Cell) -> float:
        return journal.score(cell.key(fingerprint))

    found = run_search(search, labels, problem.seed, compute, score_of)
    reasons = [reason for key in used if (reason := journal.entries[key]["reason"])]
    told = "\n  ".join(sorted(set(reasons))[:5])
    result = summarize(search, found.cv_results_, name, len(used), len(reasons))
    if np.isnan(result.summary["best_score"]):
        raise DigitrecError(f"gridsearch: no candidate could be trained on all folds:\n  {told}")
    if reasons:
        print(f"note: {len(reasons)} of {len(used)} fits failed:\n  {told}", flush=True)
    for name, end in result.summary["at_grid_edge"].items():
        print(f"note: the best {name} is the {end} that was tried; a wider search might find a better one")
    return result
