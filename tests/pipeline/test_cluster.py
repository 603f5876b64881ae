"""Calls on real Dask workers; what they answer to pictures is in tests/reading/test_many.py."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitrec.errors import DigitrecError
from digitrec.pipeline import cluster
from digitrec.pipeline.cluster import run_on_cluster
from tests.conftest import ROOT
from tests.search.tasks import fail, kill_worker, wait_for_file
from tests.search.test_cluster import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    started = Cluster(folder)
    try:
        yield started
    finally:
        started.stop()


def test_tasks_are_taken_as_workers_become_free(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    taken = []

    def tasks() -> Iterator[tuple[int, Path]]:
        for number in range(1, 6):
            taken.append(number)
            yield number, tmp_path / "never"

    results = run_on_cluster(dask.address, wait_for_file, tasks(), dict)
    assert next(results) == 1
    # One that was done, one for the worker, one at hand.
    assert len(taken) <= 3
    assert sorted(results) == [2, 3, 4, 5]


def test_a_task_that_kills_its_workers_is_given_up_and_costs_no_other(dask: Cluster) -> None:
    # With a nanny, which starts the worker again.
    dask.start_worker(ROOT, "--nworkers", "1")
    results = sorted(map(str, run_on_cluster(dask.address, kill_worker, [(0,), (1,)], dict)))
    assert results == ["1", "4 workers were killed, one after the other, while they did it"]


def test_an_error_in_a_task_and_a_scheduler_that_goes_away_are_raised(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    with pytest.raises(ZeroDivisionError, match="task 0"):
        list(run_on_cluster(dask.address, fail, [(0,)], dict))
    results = run_on_cluster(dask.address, wait_for_file, [(n, tmp_path / "never") for n in (1, 0)], dict)
    assert next(results) == 1
    dask.scheduler.kill()
    with pytest.raises(DigitrecError, match=f"the Dask scheduler at {dask.address} is gone"):
        next(results)


def test_a_worker_with_other_code_is_refused(dask: Cluster, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "project/src")
    with open(tmp_path / "project/src/digitrec/errors.py", "a") as file:
        file.write("# Changed.\n")
    dask.start_worker(tmp_path / "project")
    with pytest.raises(DigitrecError, match=rf"is not like this process: code \w+ \(here {cluster.CODE}\)"):
        list(run_on_cluster(dask.address, wait_for_file, [(1, tmp_path)], dict))


def test_a_scheduler_that_cannot_be_reached_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 1)
    for address in ("host", "tcp://host", "http://host:1", "tcp://host:x"):
        with pytest.raises(DigitrecError, match=f"^DIGITREC_SCHEDULER: got '{address}', expected an address such as"):
            next(run_on_cluster(address, fail, [], dict))
    # One that accepts connections, and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(DigitrecError, match=f"no Dask scheduler answered at {address} within 1 s"):
            next(run_on_cluster(address, fail, [], dict))
