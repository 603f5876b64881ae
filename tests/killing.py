"""Killing a process that does a part of the work, as the system does where memory is short."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def one_worker_killed() -> Iterator[None]:
    """Kill one of joblib's processes as soon as it works in earnest."""
    ended = threading.Event()

    def kill() -> None:
        while not ended.is_set():
            for process in psutil.Process().children():
                # A process that has loaded torch is beyond its start.
                with suppress(psutil.NoSuchProcess):
                    if "loky" in " ".join(process.cmdline()) and process.memory_info().rss > 2**27:
                        process.kill()
                        return
            time.sleep(0.05)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
