"""Tasks of a search side by side: in processes of this machine, one thread each."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed, parallel_config

from digitrec.jobs import exit_with


def _numbered(number: int, parent: int, function: Callable, arguments: Sequence) -> tuple[int, Any]:
    exit_with(parent)
    return number, function(*arguments)


def run_tasks(function: Callable, tasks: Sequence[Sequence], jobs: int) -> Iterator[tuple[int, Any]]:
    """Call a function for each task and yield each result as soon as it is there.

    Parameters
    ----------
    function : callable
        A module's own, which workers can import.
    tasks : sequence of sequence
        The arguments of each call.
    jobs : int
        Calls at a time.

    Yields
    ------
    number : int
        Which task.
    result
        What the function returned.
    """
    calls = (delayed(_numbered)(number, os.getpid(), function, task) for number, task in enumerate(tasks))
    with parallel_config(backend="loky", inner_max_num_threads=1):
        # One task ahead: a worker need not wait, and an interruption loses little.
        yield from Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(calls)
