"""Tasks on a Dask cluster, whose workers must have the same code, libraries and data as the search."""

import asyncio
import hashlib
import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import CancelledError, Client, KilledWorker, Worker, as_completed, get_worker
from distributed.comm import connect

from digitrec.errors import DigitrecError

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("numpy", "scikit-learn", "skorch", "torch")
# Seconds until a scheduler must have answered, and until it must have a worker.
CONNECT_TIMEOUT = 8
WORKERS_TIMEOUT = 30
START = "In a clone of the same commit: PYTHONPATH=src dask worker {} --nthreads 1 --nworkers N (one a core or GPU)."


def hash_code(package: Path) -> str:
    """Name the state of a package's code, by all its `.py` files."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


# At the time of the import: a worker goes on with the code that it has loaded, even if its files change.
LOADED = {"code": hash_code(PACKAGE), **{name: version(name) for name in LIBRARIES}}


def _versions(data_version: Callable[[], str], dask_worker: Worker | None = None) -> dict[str, Any]:
    """Name all that must be the same here and on a worker. The last parameter is one that Dask fills in."""
    return {
        **LOADED,
        "data": data_version(),
        # Tasks in threads of one process would draw from the same random numbers.
        "nthreads": dask_worker.state.nthreads if dask_worker else 1,
    }


def _refusal(address: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    differing = [f"{key} {found.get(key)} (here {value})" for key, value in expected.items() if found.get(key) != value]
    if not differing:
        return None
    return (
        f"worker {address} is not like this search: {', '.join(differing)}. Give it the same commit, `make install`, "
        "`dvc repro normalize-stats` (or `dvc pull`), and start it again, with --nthreads 1."
    )


def _run(function: Callable, arguments: Sequence, data_version: Callable[[], str], expected: Mapping[str, Any]) -> Any:
    """On a worker: call the function, unless this worker came too late to be checked and should not be here."""
    worker = get_worker()
    try:
        refusal = _refusal(worker.address, expected, _versions(data_version, worker))
        if not refusal:
            return function(*arguments)
    except DigitrecError as error:
        refusal = f"worker {worker.address}: {error}"
    raise DigitrecError(refusal)


class _Run:
    """A call of `_run` for `pickle.loads`: so, neither the scheduler nor a worker without this code trips over it."""

    def __init__(self, *arguments: Any):
        self.arguments = arguments

    def __reduce__(self) -> tuple:
        return _run, self.arguments


async def _greet(address: str) -> None:
    # Dask's own client would wait forever for a server that accepts connections and then says nothing.
    comm = await asyncio.wait_for(connect(address), CONNECT_TIMEOUT)
    await comm.close()


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
            "(`dask scheduler`), mend the address, or unset the variable to search on this machine."
        ) from error


def _check(client: Client, address: str, data_version: Callable[[], str]) -> dict[str, Any]:
    try:
        client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
    except TimeoutError as error:
        raise DigitrecError(
            f"the Dask scheduler at {address} has had no worker for {WORKERS_TIMEOUT} s. {START.format(address)}"
        ) from error
    expected = _versions(data_version)
    refusals = []
    for worker, found in client.run(_versions, data_version, on_error="return").items():
        if isinstance(found, DigitrecError):
            refusals.append(f"worker {worker}: {found}")
        elif isinstance(found, Exception):
            refusals.append(f"worker {worker} cannot run this code ({found}). {START.format(address)}")
        elif refusal := _refusal(worker, expected, found):
            refusals.append(refusal)
    if refusals:
        raise DigitrecError("\n".join(refusals))
    return expected


def run_on_cluster(
    address: str, function: Callable, tasks: Sequence[Sequence], data_version: Callable[[], str]
) -> Iterator[tuple[int, Any]]:
    """Call a function for each task on the workers of a cluster; see `dispatch.run_tasks`.

    A task whose worker was killed is run by another. With Dask's own client, because joblib's Dask backend (1.6) waits
    forever for a task that Dask gives up after several killed workers.

    Raises
    ------
    DigitrecError
        When the address is none, no scheduler answers, it has no workers, or one of them has another version.
    """
    # Its tracebacks; what a user can mend is said in the errors raised here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    gone = DigitrecError(
        f"the Dask scheduler at {address} is gone. What was finished is kept; start the scheduler and its workers "
        "again, then run the same command."
    )
    with _connect(address) as client:
        expected = _check(client, address, data_version)
        waiting = iter(enumerate(tasks))
        numbers = {}
        running = as_completed(loop=client.loop, with_results=True, raise_errors=False)

        def hand_out() -> None:
            try:
                workers = sum(client.nthreads().values())
            except OSError as error:
                raise gone from error
            # No more tasks than workers: Dask blames a worker's death on all the tasks that it has been given.
            for number, arguments in islice(waiting, max(0, max(1, workers) - running.count())):
                call = pickle.dumps(_Run(function, arguments, data_version, expected))
                future = client.submit(pickle.loads, call, pure=False)
                numbers[future] = number
                running.add(future)

        hand_out()
        for future, result in running:
            number = numbers.pop(future)
            if future.status == "finished":
                yield number, result
            elif isinstance(result, CancelledError):
                raise gone from result
            elif isinstance(error := result[1], KilledWorker):
                deaths = error.allowed_failures + 1
                yield number, DigitrecError(f"{deaths} workers were killed, one after the other, while they fitted it")
            elif isinstance(error, ImportError):
                raise DigitrecError(f"a worker cannot run this code ({error}). {START.format(address)}") from error
            else:
                raise error
            hand_out()
