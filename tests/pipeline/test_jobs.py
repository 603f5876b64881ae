import os
import signal
import subprocess
import sys
import threading

import pytest

from digitrec.errors import DigitrecError, ParamsError
from digitrec.pipeline.jobs import exit_with, side_by_side

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


def _doubled(number: int) -> tuple[int, int]:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number, os.getpid()


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_with_the_numbers_of_their_tasks(jobs: int) -> None:
    done = dict(side_by_side(_doubled, [(5,), (6,), (7,)], jobs, "doubling"))
    assert {number: result for number, (result, _) in done.items()} == {0: 10, 1: 12, 2: 14}
    assert ({os.getpid()} == {process for _, process in done.values()}) is (jobs == 1)


def test_a_process_that_is_killed_is_a_message_that_says_what_it_did() -> None:
    with pytest.raises(DigitrecError, match=r"that was doubling was killed, .* \(DIGITREC_JOBS\) if memory is short\."):
        list(side_by_side(_doubled, [(5,), (-1,)], 2, "doubling"))
    # And the next ones are not of the broken kind.
    assert len(list(side_by_side(_doubled, [(5,), (6,)], 2, "doubling"))) == 2


def _refused(number: int) -> None:
    raise ParamsError([f"lr: got {number}", "seed: is missing"], "claims.yaml")


def test_mistakes_that_a_process_finds_are_told_as_they_are() -> None:
    with pytest.raises(ParamsError) as caught:
        list(side_by_side(_refused, [(-1,), (-1,)], 2, "refusing"))
    assert caught.value.mistakes == ["lr: got -1", "seed: is missing"]
    assert str(caught.value) == str(ParamsError(caught.value.mistakes, "claims.yaml"))
