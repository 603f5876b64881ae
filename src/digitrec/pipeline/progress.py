"""Progress bars that can be read on a screen and in a log file."""

import sys
from typing import Any, TextIO

from tqdm import tqdm


class _Lines:
    """A log file: each state of the bar on a line of its own instead of over the last one."""

    def __init__(self, file: TextIO):
        self.file = file

    def write(self, text: str) -> None:
        text = text.strip("\r\n \x1b[A")
        if text:
            self.file.write(text + "\n")

    def flush(self) -> None:
        self.file.flush()


def progress_bar(total: int | None, label: str, **settings: Any) -> tqdm:
    """Make a tqdm bar on standard error.

    Parameters
    ----------
    total : int or None
        Units of work; None where nobody knows.
    label : str
        What is being done.
    **settings
        tqdm's own, such as `unit`.

    Returns
    -------
    tqdm
        Several states a second on a terminal; a line every ten seconds elsewhere.
    """
    if sys.stderr.isatty():
        return tqdm(total=total, desc=label, dynamic_ncols=True, **settings)
    return tqdm(total=total, desc=label, file=_Lines(sys.stderr), ncols=110, mininterval=10, **settings)
