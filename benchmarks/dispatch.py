"""What the search itself costs: tasks on Dask workers, and the journal.

Reads   metrics/times/gridsearch.json, metrics/gridsearch.json
Writes  benchmarks/results/dispatch.json

Usage: python benchmarks/dispatch.py [--tasks 64]
1. Tasks that sleep for a second, by one Dask worker and by eight, all on this machine: what eight lack of eight
   times as many is what the scheduler and the way to it take.
2. Seconds that a finished fit spends in the journal, on disk before the next, as a share of the committed search.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitrec.pipeline.files import read_json, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.search.dispatch import run_tasks
from digitrec.search.journal import Journal

WORKERS = (1, 8)
SLEEP = 1.0
ENTRIES = 500
PARAMS = {
    "lr": 0.001,
    "max_epochs": 20,
    "batch_size": 32,
    "optimizer": "adam",
    "architecture": {"nonlinearity": "relu"},
}


def sleep(number: int) -> int:
    """Stand for a fit."""
    time.sleep(SLEEP)
    return number


def no_data() -> str:
    """Name what the tasks read."""
    return "none"


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """Start a scheduler and workers as processes of this machine, and end them."""
    # Workers import this script.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", "src"), "benchmarks"])}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    file = folder / f"{workers}.json"
    dask = [sys.executable, "-m", "dask"]
    processes = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file],
            **quiet,
        )
    ]
    try:
        while not file.exists():
            time.sleep(0.1)
        address = read_json(file)["address"]
        options = [
            "--host",
            "127.0.0.1",
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--local-directory",
            folder,
        ]
        processes += [subprocess.Popen([*dask, "worker", address, *options], **quiet) for _ in range(workers)]
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def tasks_per_second(workers: int, tasks: int, folder: Path) -> float:
    """Run sleeping tasks; the first round, until all workers are there, is not timed."""
    from dispatch import no_data, sleep  # By the name under which workers know them.

    with cluster(workers, folder) as address:
        os.environ["DIGITREC_SCHEDULER"] = address
        list(run_tasks(sleep, [(number,) for number in range(4 * workers)], 1, no_data))
        time.sleep(10)
        with stopwatch() as seconds:
            list(run_tasks(sleep, [(number,) for number in range(tasks)], 1, no_data))
        del os.environ["DIGITREC_SCHEDULER"]
    return tasks / seconds()


def journal_seconds(folder: Path) -> float:
    """Give the seconds that an entry takes, fsync included."""
    journal = Journal(folder / "journal.jsonl")
    with stopwatch() as seconds:
        for number in range(ENTRIES):
            journal.add_all([(f"{number:032x}", 0.9, None, PARAMS)])
    return seconds() / ENTRIES


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="What the search itself costs.")
    parser.add_argument("--tasks", type=int, default=64, help="of a second each (default: %(default)s)")
    options = parser.parse_args()
    machine = describe_machine()
    print(headline(machine))
    with tempfile.TemporaryDirectory(dir=root / "data", ignore_cleanup_errors=True) as name:
        rates = {n: tasks_per_second(n, options.tasks, Path(name)) for n in WORKERS}
        entry = journal_seconds(Path(name))
    few, many = WORKERS
    ratio = rates[many] / rates[few]
    print(f"{many} workers {rates[many]:.2f} tasks a second, {few} worker {rates[few]:.3f}: {ratio:.2f} times")
    search = read_json(root / "metrics/times/gridsearch.json")["seconds"]
    fits = read_json(root / "metrics/gridsearch.json")["n_fits"]
    share = fits * entry / search
    print(f"journal: {1000 * entry:.2f} ms an entry, {100 * share:.3f} % of {fits} fits in {search:.0f} s")
    dask = {"tasks": options.tasks, "task_seconds": SLEEP, "tasks_per_second": rates, "ratio": round(ratio, 3)}
    journal = {"seconds_per_entry": entry, "fits": fits, "search_seconds": search, "share": share}
    write_json(root / "benchmarks/results/dispatch.json", {"machine": machine, "dask": dask, "journal": journal})


if __name__ == "__main__":
    run_stage(main)
