"""Tasks on a Dask cluster, whose workers must have the same code, libraries and data as the search."""

import asyncio
import hashlib
import logging
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import CancelledError, Client, Future, KilledWorker, Worker, get_worker, wait
from distributed.comm import connect

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.fingerprint import LIBRARIES

PACKAGE = Path(__file__).parents[1]
# Seconds until a scheduler must have answered, and until it must have a worker.
CONNECT_TIMEOUT = 8
WORKERS_TIMEOUT = 30
# Seconds between looks for workers that came or went.
WORKERS_INTERVAL = 1
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


def _describe(data_version: Callable[[], str], dask_worker: Worker) -> dict[str, Any]:
    return {"versions": _versions(data_version, dask_worker), "device": device_from_environment()}


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


def _check(client: Client, address: str, data_version: Callable[[], str]) -> tuple[dict[str, Any], set[str]]:
    """Compare all workers with this search: what must be the same, and the workers' devices."""
    expected = _versions(data_version)
    end = time.monotonic() + WORKERS_TIMEOUT
    while True:
        try:
            client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
            answers = client.run(_describe, data_version, on_error="return")
        except TimeoutError as error:
            raise DigitrecError(
                f"the Dask scheduler at {address} has had no worker for {WORKERS_TIMEOUT} s. {START.format(address)}"
            ) from error
        except OSError as error:
            raise _gone(address) from error
        refusals, devices = [], set()
        for worker, found in answers.items():
            if isinstance(found, DigitrecError):
                refusals.append(f"worker {worker}: {found}")
            elif isinstance(found, dict):
                refusals += filter(None, [_refusal(worker, expected, found["versions"])])
                devices.add(found["device"])
            # One that goes away while it is asked is checked before its first task, if it comes back.
            elif not isinstance(found, OSError) or time.monotonic() > end:
                refusals.append(f"worker {worker} cannot run this code ({found}). {START.format(address)}")
        if refusals:
            raise DigitrecError("\n".join(refusals))
        if devices:
            return expected, devices
        time.sleep(0.1)


def worker_devices(address: str, data_version: Callable[[], str]) -> set[str]:
    """Name the devices of the workers of a cluster; raises as `run_on_cluster`."""
    with _connect(address) as client:
        return _check(client, address, data_version)[1]


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
    with _connect(address) as client:
        expected, _ = _check(client, address, data_version)
        waiting = list(enumerate(tasks))[::-1]
        running: dict[Future, int] = {}
        lonely = False
        while waiting or running:
            workers = _count_workers(client, address)
            if lonely != (workers == 0):
                lonely = workers == 0
                state = "has no workers any more; waiting for one" if lonely else "has workers again"
                print(f"The Dask scheduler at {address} {state}", flush=True)
            # No more tasks than workers: Dask blames a worker's death on all the tasks that it has been given.
            while waiting and len(running) < workers:
                number, arguments = waiting.pop()
                call = pickle.dumps(_Run(function, arguments, data_version, expected))
                running[client.submit(pickle.loads, call, pure=False)] = number
            for future in _wait_for_some(client, running):
                yield running.pop(future), _result(future, address)


def _wait_for_some(client: Client, running: Mapping[Future, int]) -> list[Future]:
    """Give those that are done as soon as there are any, but no later than workers must be counted again."""
    if not running:
        time.sleep(WORKERS_INTERVAL)
        return []
    # `as_completed` would not do: its time runs from when it was made, and it cannot be woken for a worker that came.
    with client.as_current(), suppress(TimeoutError, CancelledError):
        wait(list(running), WORKERS_INTERVAL, "FIRST_COMPLETED")
    return [future for future in running if future.done()]


def _count_workers(client: Client, address: str) -> int:
    try:
        return len(client.nthreads())
    except OSError as error:
        raise _gone(address) from error


def _result(future: Future, address: str) -> Any:
    """Give what a task came to: its value, or an error that stands for it."""
    if future.status == "finished":
        return future.result()
    if future.cancelled():
        raise _gone(address)
    error = future.exception()
    if isinstance(error, KilledWorker):
        deaths = error.allowed_failures + 1
        return DigitrecError(f"{deaths} workers were killed, one after the other, while they fitted it")
    if isinstance(error, ImportError):
        raise DigitrecError(f"a worker cannot run this code ({error}). {START.format(address)}") from error
    raise error


def _gone(address: str) -> DigitrecError:
    return DigitrecError(
        f"the Dask scheduler at {address} is gone. What was finished is kept; start the scheduler and its workers "
        "again, then run the same command."
    )
