"""A search on a Dask cluster, whose workers must have the same code, libraries and data, each a device of its own."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from digitrec.pipeline.cluster import ask_workers, run_on_cluster
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.fingerprint import LIBRARIES

# At the time of the import, as the code.
LOADED = {name: version(name) for name in LIBRARIES}


def _state(data_version: Callable[[], str]) -> dict[str, Any]:
    """Name what must be the same here and on a worker, besides the code."""
    return {**LOADED, "data": data_version()}


def worker_devices(address: str, data_version: Callable[[], str]) -> set[str]:
    """Name the devices of the workers of a cluster; raises as `fit_on_cluster`."""
    return set(ask_workers(address, device_from_environment, partial(_state, data_version)))


def fit_on_cluster(
    address: str, function: Callable, tasks: Sequence[Sequence], data_version: Callable[[], str]
) -> Iterator[tuple[int, Any]]:
    """Call a function for each task on the workers of a cluster; see `dispatch.run_tasks`."""
    state = partial(_state, data_version)
    ask_workers(address, device_from_environment, state)
    yield from run_on_cluster(address, function, tasks, state)
