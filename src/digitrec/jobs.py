"""How many things are done at a time, and by processes that do not outlive their parent."""

import os
import threading
import time
from functools import cache

from digitrec.errors import DigitrecError


def jobs_from_environment() -> int:
    """Read `DIGITREC_JOBS`: fits at a time, or threads of a baseline; by default as many as there are cores.

    Raises
    ------
    DigitrecError
        When it is no whole number >= 1.
    """
    text = os.environ.get("DIGITREC_JOBS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise DigitrecError(f"DIGITREC_JOBS: got '{text}', expected a whole number >= 1")
    return int(text)


@cache
def exit_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed outright, that could not tell its workers.

    Parameters
    ----------
    parent : int
        The process that handed out the work. If it is not the one that started this process (but, say, this process
        itself), nothing is done.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, daemon=True).start()
