"""Calls on a Dask cluster, whose workers must have the same code and see the same files as the one who asks."""

import asyncio
import hashlib
import logging
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import CancelledError, Client, Future, KilledWorker, get_worker, wait
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


def _hash_code(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


# At the time of the import: a worker goes on with the code that it has loaded, even if its files change.
CODE = _hash_code(PACKAGE)


def _run(function: Callable, arguments: Sequence, state: Callable[[], Mapping], expected: Mapping[str, Any]) -> Any:
    """On a worker: call the function, unless the worker is another than who asks."""
    worker = get_worker().address
    try:
        found = {"code": CODE, **state()}
        differing = [
            f"{key} {found.get(key)} (here {value})" for key, value in expected.items() if found.get(key) != value
        ]
        if not differing:
            return function(*arguments)
    except DigitrecError as error:
        raise DigitrecError(f"worker {worker}: {error}") from error
    raise DigitrecError(
        f"worker {worker} is not like this process: {', '.join(differing)}. Give it the same, start it again. {KEPT}"
    )


class _Run:
    """A call of `_run` for `pickle.loads`: so, neither the scheduler nor a worker without this code trips over it."""

    def __init__(self, *arguments: Any):
        self.arguments = arguments

    def __reduce__(self) -> tuple:
        return _run, self.arguments


def run_on_cluster(
    address: str, function: Callable, tasks: Iterable[Sequence], state: Callable[[], Mapping[str, Any]]
) -> Iterator[Any]:
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
    result
        What the function returned. A task whose worker was killed is run by another; where four were, a
        `DigitrecError` stands for the result.

    Raises
    ------
    DigitrecError
        When the address is none, no scheduler answers, it has no workers, or one of them is another than this process.
    """
    # Its tracebacks; what a user can mend is said in the errors raised here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _connect(address) as client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
        except TimeoutError as error:
            raise DigitrecError(
                f"the Dask scheduler at {address} has had no worker for {WORKERS_TIMEOUT} s. {START.format(address)}"
            ) from error
        expected, tasks = {"code": CODE, **state()}, iter(tasks)
        running: set[Future] = set()
        lonely, waiting = False, next(tasks, None)
        while waiting is not None or running:
            workers = _count_workers(client, address)
            if lonely != (workers == 0):
                lonely = workers == 0
                told = "has no workers any more; waiting for one" if lonely else "has workers again"
                print(f"The Dask scheduler at {address} {told}", flush=True)
            # No more tasks than workers: Dask blames a worker's death on all the tasks that it has been given.
            while waiting is not None and len(running) < workers:
                call = pickle.dumps(_Run(function, waiting, state, expected))
                running.add(client.submit(pickle.loads, call, pure=False))
                waiting = next(tasks, None)
            for future in _wait_for_some(client, running):
                running.remove(future)
                yield _result(future, address)


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


def _wait_for_some(client: Client, running: set[Future]) -> list[Future]:
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
