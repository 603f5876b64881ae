"""How many things are done at a time."""

import os

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
