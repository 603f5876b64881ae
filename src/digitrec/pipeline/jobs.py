"""Processes that do not outlive their parent."""

import os
import threading
import time
from functools import cache


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
