"""Calls on a Dask cluster, whose workers must have the same code and see the same files as the one who asks."""

import asyncio
import hashlib
import logging
import pickle
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import CancelledError, Client, Future, KilledWorker, Worker, get_worker, wait
from distributed.comm import connect

from digitrec.errors import DigitrecError

PACKAGE = Path(__file__).parents[1]
# Seconds until a scheduler must have answered, and until it must have a worker.
CONNECT_TIMEOUT = 8
WORKERS_TIMEOUT = 30
# Seconds between looks for workers that came or went.
WORKERS_INTERVAL = 1
START = "With the same digitrec, in the same environment: dask worker {} --nthreads 1 --nworkers N (one a core)."
KEPT = "What was finished is kept; run the same command to go on."


def hash_code(package: Path) -> str:
    """Name the state of a package's code, by all its `.py` files."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


# At the time of the import: a worker goes on with the code that it has loaded, even if its files change.
CODE = hash_code(PACKAGE)


State = Callable[[], Mapping[str, Any]]


def _expected(state: State) -> dict[str, Any]:
    # Tasks in threads of one process would draw from the same random numbers.
    return {"code": CODE, "nthreads": 1, **state()}


def _run(
    function: Callable, arguments: Sequence, state: State, expected: Mapping[str, Any], worker: Worker | None = None
) -> Any:
    """On a worker: call the function, unless the worker is another than who asks."""
    worker = worker or get_worker()
    try:
        found = {"code": CODE, "nthreads": worker.state.nthreads, **state()}
        differing = [
            f"{key} {found.get(key)} (here {value})" for key, value in expected.items() if found.get(key) != value
        ]
        if not differing:
            return function(*arguments)
    except DigitrecError as error:
        raise DigitrecError(f"worker {worker.address}: {error}") from error
    raise DigitrecError(
        f"worker {worker.address} is not like this process: {', '.join(differing)}. Give it the same commit and "
        f"environment, and the same files (`dvc pull` in a clone), and start it again, with --nthreads 1. {KEPT}"
    )


def _answer(question: Callable, state: State, expected: Mapping[str, Any], dask_worker: Worker) -> Any:
    """On a worker, outside its tasks; the last parameter is one that Dask fills in."""
    return _run(question, (), state, expected, dask_worker)


class _Run:
    """A call of `_run` for `pickle.loads`: so, neither the scheduler nor a worker without this code trips over it."""

    def __init__(self, *arguments: Any):
        self.arguments = arguments

    def __reduce__(self) -> tuple:
        return _run, self.arguments


def ask_workers(address: str, question: Callable[[], Any], state: State) -> list[Any]:
    """Put a question to all workers of a cluster, once it has one, and see that each is like this process.

    Parameters
    ----------
    address, state
        As `run_on_cluster` has them.
    question : callable
        A module's own, which workers can import.

    Returns
    -------
    list
        The answers, at least one.

    Raises
    ------
    DigitrecError
        As `run_on_cluster`; of workers that are another than this process, all are named.
    """
    with _connect(address) as client:
        expected = _expected(state)
        end = time.monotonic() + WORKERS_TIMEOUT
        while True:
            _wait_for_a_worker(client, address)
            try:
                found = client.run(_answer, question, state, expected, on_error="return")
            except OSError as error:
                raise _gone(address) from error
            refusals = [str(answer) for answer in found.values() if isinstance(answer, DigitrecError)]
            # One that goes away while it is asked is checked before its first task, if it comes back.
            late = time.monotonic() > end
            refusals += [
                f"worker {worker} cannot run this code ({answer}). {START.format(address)}"
                for worker, answer in found.items()
                if isinstance(answer, Exception)
                and not isinstance(answer, DigitrecError)
                and (late or not isinstance(answer, OSError))
            ]
            if refusals:
                raise DigitrecError("\n".join(refusals))
            answers = [answer for answer in found.values() if not isinstance(answer, Exception)]
            if answers:
                return answers
            time.sleep(0.1)


def _wait_for_a_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
    except TimeoutError as error:
        raise DigitrecError(
            f"the Dask scheduler at {address} has had no worker for {WORKERS_TIMEOUT} s. {START.format(address)}"
        ) from error
    except OSError as error:
        raise _gone(address) from error


def run_on_cluster(
    address: str, function: Callable, tasks: Iterable[Sequence], state: State
) -> Iterator[tuple[int, Any]]:
    """Call a function for each task on the workers of a cluster and yield each result as soon as it is there.

    Parameters
    ----------
    address : str
        Of the scheduler, as tcp://host:8786.
    function : callable
        A module's own, which workers can import.
    tasks : iterable of sequence
        The arguments of each call; taken one by one, as workers become free.
    state : callable
        Gives, by names, what must be the same here and on a worker, besides this package's code. Workers call it too,
        before each task.

    Yields
    ------
    number : int
        Which task.
    result
        What the function returned. A task whose worker was killed is run by another; where four were, a
        `DigitrecError` stands for the result.

    Raises
    ------
    DigitrecError
        When the address is none, no scheduler answers, it has no workers, or one of them is another than this process.

    Notes
    -----
    With Dask's own client, because joblib's Dask backend (1.6) waits forever for a task that Dask gives up after
    several killed workers.
    """
    # Its tracebacks; what a user can mend is said in the errors raised here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _connect(address) as client:
        _wait_for_a_worker(client, address)
        expected, numbered = _expected(state), enumerate(tasks)
        running: dict[Future, int] = {}
        lonely, waiting = False, next(numbered, None)
        while waiting is not None or running:
            workers = _count_workers(client, address)
            if lonely != (workers == 0):
                lonely = workers == 0
                told = "has no workers any more; waiting for one" if lonely else "has workers again"
                print(f"The Dask scheduler at {address} {told}", flush=True)
            # No more tasks than workers: Dask blames a worker's death on all the tasks that it has been given.
            while waiting is not None and len(running) < workers:
                number, arguments = waiting
                call = pickle.dumps(_Run(function, arguments, state, expected))
                running[client.submit(pickle.loads, call, pure=False)] = number
                waiting = next(numbered, None)
            for future in _wait_for_some(client, running):
                yield running.pop(future), _result(future, address)


def _connect(address: str) -> Client:
    wrong = f"DIGITREC_SCHEDULER: got '{address}', expected an address such as tcp://host:8786"
    try:
        parts = urlsplit(address)
        complete = parts.scheme == "tcp" and parts.hostname and parts.port
    except ValueError as error:
        raise DigitrecError(f"{wrong} ({error})") from error
    if not complete:
        raise DigitrecError(wrong)
    try:
        asyncio.run(_greet(address))
        return Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False)
    except (OSError, MemoryError) as error:
        # Another kind of server seems to announce a message of exabytes.
        raise DigitrecError(
            f"DIGITREC_SCHEDULER: no Dask scheduler answered at {address} within {CONNECT_TIMEOUT} s. Start one there "
            "(`dask scheduler`), mend the address, or unset the variable to use this machine's cores."
        ) from error


async def _greet(address: str) -> None:
    # Dask's own client would wait forever for a server that accepts connections and then says nothing.
    comm = await asyncio.wait_for(connect(address), CONNECT_TIMEOUT)
    await comm.close()


def _count_workers(client: Client, address: str) -> int:
    try:
        return len(client.nthreads())
    except OSError as error:
        raise _gone(address) from error


def _wait_for_some(client: Client, running: Collection[Future]) -> list[Future]:
    """Give those that are done as soon as there are any, but no later than workers must be counted again."""
    if not running:
        time.sleep(WORKERS_INTERVAL)
        return []
    # `as_completed` would not do: its time runs from when it was made, and it cannot be woken for a worker that came.
    with client.as_current(), suppress(TimeoutError, CancelledError):
        wait(list(running), WORKERS_INTERVAL, "FIRST_COMPLETED")
    return [future for future in running if future.done()]


def _result(future: Future, address: str) -> Any:
    """Give what a task came to: its value, or an error that stands for it."""
    if future.status == "finished":
        return future.result()
    if future.cancelled():
        raise _gone(address)
    error = future.exception()
    if isinstance(error, KilledWorker):
        deaths = error.allowed_failures + 1
        return DigitrecError(f"{deaths} workers were killed, one after the other, while they did it")
    if isinstance(error, ImportError):
        raise DigitrecError(f"a worker cannot run this code ({error}). {START.format(address)}") from error
    raise error


def _gone(address: str) -> DigitrecError:
    return DigitrecError(f"the Dask scheduler at {address} is gone. Start it and its workers again. {KEPT}")
