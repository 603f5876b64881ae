import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import (
    device_from_environment,
    jobs_from_environment,
    mirror_from_environment,
    scheduler_from_environment,
)


@pytest.mark.parametrize("text", ["", None])
def test_by_default_all_cores_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    monkeypatch.delenv("DIGITREC_JOBS", raising=False)
    if text is not None:
        monkeypatch.setenv("DIGITREC_JOBS", text)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # In a container, its share.
    assert 1 <= jobs_from_environment() <= allowed
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert jobs_from_environment() == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not pin processes to cores")
def test_cores_that_are_not_ours_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITREC_JOBS", raising=False)
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert jobs_from_environment() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_number_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITREC_JOBS", "3")
    assert jobs_from_environment() == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " "])
def test_anything_else_is_a_mistake(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DIGITREC_JOBS", text)
    with pytest.raises(DigitrecError, match=rf"DIGITREC_JOBS: got '{text}', expected a whole number >= 1"):
        jobs_from_environment()


@pytest.mark.parametrize("text", ["banana", "cuda:77", "cpux"])
def test_a_device_that_is_not_there_is_a_mistake(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DIGITREC_DEVICE", text)
    with pytest.raises(DigitrecError, match=f"DIGITREC_DEVICE: got '{text}', expected auto, cpu, or a GPU"):
        device_from_environment()


def test_the_device_is_the_cpu_when_asked_and_a_gpu_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITREC_DEVICE", "cpu")
    assert device_from_environment() == "cpu"
    monkeypatch.setenv("DIGITREC_DEVICE", "auto")
    assert device_from_environment() == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.delenv("DIGITREC_DEVICE")
    assert device_from_environment() == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("name", "read"),
    [("DIGITREC_SCHEDULER", scheduler_from_environment), ("DIGITREC_MIRROR", mirror_from_environment)],
)
def test_an_address_is_taken_as_it_is_and_none_where_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[], str | None]
) -> None:
    monkeypatch.setenv(name, "tcp://here:8786")
    assert read() == "tcp://here:8786"
    monkeypatch.setenv(name, "")
    assert read() is None
    monkeypatch.delenv(name)
    assert read() is None


def test_who_asks_for_jobs_need_not_wait_for_torch() -> None:
    script = (
        "import sys; from digitrec.pipeline.environment import jobs_from_environment; jobs_from_environment(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
