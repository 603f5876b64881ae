"""Processes side by side: they do not outlive their parent, and one that is killed is a message."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from digitrec.errors import DigitrecError


@cache
def exit_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed outright, that could not tell its workers.

    Parameters
    ----------
    parent : int
        The process that handed out the work. If it is not the one that started this process (but, say, this process
        itself), nothing is done.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, daemon=True).start()


def side_by_side(
    function: Callable, tasks: Iterable[Sequence], jobs: int, doing: str, threads: int = 1
) -> Iterator[tuple[int, Any]]:
    """Call a function for each task in processes of their own and yield each result as soon as it is there.

    Parameters
    ----------
    function : callable
        A module's own, which the processes can import.
    tasks : iterable of sequence
        The arguments of each call; taken one by one, as processes become free.
    jobs : int
        Calls at a time; a single one is made in this process.
    doing : str
        What a process does, for the message: it "was fitting".
    threads : int
        Of libraries, in each process.

    Yields
    ------
    number : int
        Which task.
    result
        What the function returned.

    Raises
    ------
    DigitrecError
        When a process was killed.
    """
    calls = (delayed(_numbered)(number, os.getpid(), function, task) for number, task in enumerate(tasks))
    try:
        with parallel_config(backend="loky", inner_max_num_threads=threads):
            # One task ahead: a process need not wait, and an interruption loses little.
            yield from Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(calls)
    except TerminatedWorkerError as error:
        raise DigitrecError(
            f"a process that was {doing} was killed, perhaps for want of memory. What was finished is kept; "
            "run the same command again, with fewer at a time (DIGITREC_JOBS) if memory is short."
        ) from error


def _numbered(number: int, parent: int, function: Callable, arguments: Sequence) -> tuple[int, Any]:
    exit_with(parent)
    return number, function(*arguments)
