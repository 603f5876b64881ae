"""Tasks on real Dask workers; more of it in tests/search/test_cluster.py and tests/reading/test_many.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digitrec.pipeline.cluster import run_on_cluster
from tests.dask_cluster import Cluster
from tests.search.tasks import wait_for_file

pytestmark = pytest.mark.slow


def test_tasks_are_taken_as_workers_become_free(dask: Cluster, tmp_path: Path) -> None:
    dask.start_worker()
    taken = []

    def tasks() -> Iterator[tuple[int, Path]]:
        for number in range(1, 6):
            taken.append(number)
            yield number, tmp_path / "never"

    results = run_on_cluster(dask.address, wait_for_file, tasks(), dict)
    assert next(results) == (0, 1)
    # One that was done, one for the worker, one at hand.
    assert len(taken) <= 3
    assert [found for _, found in sorted(results)] == [2, 3, 4, 5]
