"""What workers run in tests/search/test_cluster.py. They import this file, which is quick for what it leaves out."""

import os
import signal
import time
from pathlib import Path


def data() -> str:
    return "the same"


def data_by_place() -> str:
    return str(Path.cwd())


def wait_for_file(number: int, file: Path) -> int:
    while number == 0 and not file.exists():
        time.sleep(0.05)
    return number


def kill_worker(number: int) -> int:
    # Long enough that others could be waiting on the same worker, and be blamed.
    time.sleep(0.3)
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number: int) -> None:
    raise ZeroDivisionError(f"task {number}")
