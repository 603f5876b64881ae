"""What a search takes on more workers than there are here: its rounds replayed, with times of fits that were measured.

Reads   params.yaml, data/dataset.json, data/train, metrics/normalize_stats.json, metrics/times/gridsearch.json,
        plots/gridsearch.csv, benchmarks/results/dispatch.json
Writes  benchmarks/results/search_workers.json

Usage: python benchmarks/search_workers.py [--rounds 4]
1. Some fits of each round are done, one after the other with one thread each; a straight line through the seconds that
   they computed, for each batch size, gives those of all others. These are scaled to what the committed search took, so
   that it hardly matters what else the machine did.
2. The search runs with its own code, but for a fit takes the time of that line: each free worker gets the next task,
   which costs what Dask took for one (`dispatch.py`), and a round waits for its last fit. Which candidates come
   further is known from the committed search.
"""

import argparse
import heapq
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digitrec.config.params import load_params
from digitrec.data.dataset import read_dataset_spec, read_normalization
from digitrec.pipeline.files import read_array, read_csv, read_json, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.search.cells import Cell, Problem, trajectories
from digitrec.search.skorch_engine import fit_trajectory
from digitrec.search.strategies import run_search
from digitrec.spec import Hyperparameters, SearchSpec

WORKERS = (1, 2, 8, 64, 512)
# Fits that are measured in each round of halving.
MEASURED = (4, 4, 2, 1)


def rounds_of(search: SearchSpec, problem: Problem, standing: dict[tuple, float]) -> list[list[list[Cell]]]:
    """Run a search without a fit: the trainings of each round, as they are handed out."""
    rounds: list[list[list[Cell]]] = []

    def compute(cells: Sequence[Cell], title: str) -> None:
        rounds.append(trajectories(cells, problem.recipe))

    run_search(
        search,
        read_array(problem.labels),
        problem.seed,
        compute,
        # A plain function, as scikit-learn copies it.
        lambda cell, standing=standing: standing[name_of(cell.candidate)],
    )
    return rounds


def name_of(candidate: Hyperparameters) -> tuple:
    """Name a candidate as a row of the search's table does, by texts."""
    values = {**dict(candidate), **candidate.architecture}
    return tuple(sorted((key, str(value)) for key, value in values.items() if key != "architecture"))


def measure(problem: Problem, rounds: Sequence[Sequence[Sequence[Cell]]]) -> list[dict[str, float]]:
    """Time some fits of each round, of each batch size and number of epochs as far as they go."""
    found = []
    # The first takes what is loaded once.
    fit_trajectory(problem, rounds[0][-1], "cpu")
    for number, (trainings, count) in enumerate(zip(rounds, MEASURED, strict=False), 1):
        kinds = {(cells[0].candidate.batch_size, cells[0].candidate.max_epochs): cells for cells in trainings}
        for cells in list(kinds.values())[:count]:
            start = time.process_time()
            fit_trajectory(problem, cells, "cpu")
            row = {"round": number, "batch_size": cells[0].candidate.batch_size, "work": cells[0].work}
            found.append(row | {"seconds": round(time.process_time() - start, 3)})
            print("round {round}, batches of {batch_size}, {work:,} images: {seconds:.1f} s".format(**found[-1]))
    return found


def line_through(measured: Sequence[dict[str, float]]) -> dict[int, float]:
    """Seconds for an image, by batch size, and by 0 those of a fit without one: least squares of relative errors."""
    sizes = sorted({int(row["batch_size"]) for row in measured})
    table = np.array([[1.0, *(row["work"] * (row["batch_size"] == size) for size in sizes)] for row in measured])
    seconds = np.array([row["seconds"] for row in measured])
    solution = np.linalg.lstsq(table / seconds[:, None], np.ones(len(seconds)), rcond=None)[0]
    return dict(zip([0, *sizes], solution.tolist(), strict=True))


def end_of(tasks: Sequence[float], workers: int, overhead: float) -> float:
    """Give the seconds until the last task ends: each goes to the worker that is free first."""
    free = [0.0] * workers
    for seconds in tasks:
        heapq.heapreplace(free, free[0] + seconds + overhead)
    return max(free)


def replay(rounds: Sequence[Sequence[float]], overhead: float) -> list[dict[str, Any]]:
    """Give the seconds of a search, and of each of its rounds, on each number of workers."""
    work = sum(map(sum, rounds))
    rows = []
    for workers in WORKERS:
        # On one machine, nothing is sent.
        ends = [end_of(tasks, workers, overhead if workers > 2 else 0) for tasks in rounds]
        seconds = sum(ends)
        busy = work / (workers * seconds)
        rows.append({"workers": workers, "seconds": round(seconds, 1), "busy": round(busy, 3)})
        rows[-1]["rounds"] = [round(end, 1) for end in ends]
    return rows


def main(root: Path) -> None:
    """Measure, replay, print, write."""
    parser = argparse.ArgumentParser(description="A search on more workers than there are here.")
    parser.add_argument(
        "--rounds",
        type=int,
        default=4,
        help="of which fits are measured (default: %(default)s); 0: replay with those of the last result",
    )
    options = parser.parse_args()
    params, image = load_params(root / "params.yaml"), read_dataset_spec(root / "data/dataset.json").image
    problem = Problem(
        root / "data/train/images.npy",
        root / "data/train/labels.npy",
        image,
        params.model,
        params.recipe_for(image),
        read_normalization(root / "metrics/normalize_stats.json"),
        params.seed,
    )
    machine, committed = describe_machine(), read_json(root / "metrics/times/gridsearch.json")
    print(headline(machine))
    standing = {}
    for row in read_csv(root / "plots/gridsearch.csv"):
        values = {key: value for key, value in row.items() if not key.startswith(("round", "n_images", "score"))}
        # A candidate that came further stood before all that did not.
        standing[tuple(sorted(values.items()))] = float(row["round"]) + float(row["score"])
    searches = {
        name: rounds_of(params.search_spec.model_copy(update={"strategy": name}), problem, standing)
        for name in ("halving", "grid")
    }
    if options.rounds:
        measured = measure(problem, searches["halving"][: options.rounds])
    else:
        last = read_json(root / "benchmarks/results/search_workers.json")
        machine, measured = last["machine"], last["measured"]
    line = line_through(measured)
    times = {
        name: [
            [line[0] + line[cells[0].candidate.batch_size] * max(cell.work for cell in cells) for cells in trainings]
            for trainings in rounds
        ]
        for name, rounds in searches.items()
    }
    here = sum(end_of(tasks, committed["jobs"], 0) for tasks in times["halving"])
    scale = committed["seconds"] / here
    overhead = 1 / read_json(root / "benchmarks/results/dispatch.json")["dask"]["tasks_per_second"]["1"] - 1
    rows = {}
    for name, rounds in times.items():
        rows[name] = replay([[scale * seconds for seconds in tasks] for tasks in rounds], overhead)
        for row in rows[name]:
            print(f"{name}, {row['workers']} workers: {row['seconds']:,.0f} s, busy {100 * row['busy']:.0f} %")
    result = {
        "machine": machine,
        "committed": committed,
        "measured": measured,
        "seconds_here": round(here, 1),
        "scale": round(scale, 3),
        "overhead_seconds": round(overhead, 4),
        "images": {
            name: sum(max(cell.work for cell in cells) for trainings in rounds for cells in trainings)
            for name, rounds in searches.items()
        },
        "fits": {name: [len(tasks) for tasks in rounds] for name, rounds in times.items()},
        "longest_fit_seconds": {name: round(scale * max(map(max, rounds)), 1) for name, rounds in times.items()},
        "searches": rows,
    }
    write_json(root / "benchmarks/results/search_workers.json", result)


if __name__ == "__main__":
    run_stage(main)
