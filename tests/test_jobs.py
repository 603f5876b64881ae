import os
import signal
import subprocess
import sys
import threading

import pytest

from digitrec.errors import DigitrecError
from digitrec.jobs import exit_with, jobs_from_environment

WORKER = "import os, time; from digitrec.jobs import exit_with; exit_with(os.getppid()); print('on', flush=True); "
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.mark.parametrize("text", ["", None])
def test_by_default_all_cores_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    monkeypatch.delenv("DIGITREC_JOBS", raising=False)
    if text is not None:
        monkeypatch.setenv("DIGITREC_JOBS", text)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert jobs_from_environment() == allowed


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


def test_a_worker_ends_when_its_parent_was_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, WORKER + "time.sleep(250)"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "on\n"
    parent.send_signal(signal.SIGKILL)
    # The worker holds the other end, so this waits for its end.
    assert parent.stdout.read() == ""
    assert parent.wait() == -signal.SIGKILL


def test_a_worker_whose_parent_lives_works_on() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PARENT, WORKER + "time.sleep(1.5); print('done')"], capture_output=True, text=True
    )
    assert result.stdout == "on\ndone\n"


def test_who_does_the_work_itself_is_not_watched() -> None:
    before = threading.active_count()
    exit_with(os.getpid())
    assert threading.active_count() == before
