import os
import signal
import subprocess
import sys
import threading

from digitrec.pipeline.jobs import exit_with

WORKER = (
    "import os, time; from digitrec.pipeline.jobs import exit_with; exit_with(os.getppid()); print('on', flush=True); "
)
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


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
