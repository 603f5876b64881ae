"""Tasks of a search side by side: in processes of this machine, one thread each, or on a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from digitrec.pipeline.environment import scheduler_from_environment
from digitrec.pipeline.jobs import side_by_side


def device_kinds(device: str, data_version: Callable[[], str]) -> list[str]:
    """Name the kinds of devices that tasks will run on: this machine's, or those of the workers of a cluster.

    Parameters
    ----------
    device : str
        Of this machine, such as `cuda:1`.
    data_version : callable
        As `run_tasks` has it.

    Returns
    -------
    list of str
        `cpu`, `cuda` or both.

    Raises
    ------
    DigitrecError
        As `run_tasks`.
    """
    devices = {device}
    if address := scheduler_from_environment():
        from digitrec.search.cluster import worker_devices

        devices = worker_devices(address, data_version)
    return sorted({each.partition(":")[0] for each in devices})


def run_tasks(
    function: Callable, tasks: Sequence[Sequence], jobs: int, data_version: Callable[[], str]
) -> Iterator[tuple[int, Any]]:
    """Call a function for each task and yield each result as soon as it is there.

    With a scheduler's address in `DIGITREC_SCHEDULER` the tasks go to its workers.

    Parameters
    ----------
    function : callable
        A module's own, which workers can import.
    tasks : sequence of sequence
        The arguments of each call.
    jobs : int
        Calls at a time; on a cluster, it is as many as there are workers.
    data_version : callable
        Names the data that the tasks read. A worker of a cluster must give the same name.

    Yields
    ------
    number : int
        Which task.
    result
        What the function returned; a `DigitrecError` where all workers of a cluster that tried were killed.

    Raises
    ------
    DigitrecError
        When the cluster cannot be reached, has no workers, or one with other code, libraries or data; when a process
        of this machine was killed.
    """
    if address := scheduler_from_environment():
        from digitrec.search.cluster import fit_on_cluster  # It takes half a second, which most searches need not pay.

        yield from fit_on_cluster(address, function, tasks, data_version)
        return
    yield from side_by_side(function, tasks, jobs, "fitting")
