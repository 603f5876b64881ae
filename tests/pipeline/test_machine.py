import os

import pytest

from digitrec.pipeline.machine import describe_device, describe_machine, headline


def test_the_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        machine = describe_machine()
    finally:
        os.sched_setaffinity(0, allowed)
    assert machine["cores"] == 1
    assert machine["cpu"]
    assert headline(machine).startswith(f"{machine['cpu']}, 1 cores, Python 3.")


def test_a_share_of_the_cores_counts_as_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    # As joblib knows it of a container; its variable stands for one here.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert describe_machine()["cores"] == 1


def test_a_cpu_is_named_by_the_machine() -> None:
    assert describe_device("cpu") == "cpu"
