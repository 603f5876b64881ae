import os
import subprocess
import sys
from contextlib import suppress

import pytest

from digitrec.pipeline.progress import progress_bar

SCRIPT = """
from digitrec.pipeline.progress import progress_bar
with progress_bar(3, "fits", mininterval=0) as bar:
    for _ in range(3):
        bar.update(1)
        bar.refresh()
"""


def test_in_a_log_file_each_state_is_a_line_of_its_own(capfd: pytest.CaptureFixture) -> None:
    with progress_bar(3, "fits") as bar:
        for _ in range(3):
            bar.update(1)
            bar.refresh()
    text = capfd.readouterr().err
    assert "\r" not in text
    lines = text.splitlines()
    assert all(line.startswith("fits: ") for line in lines)
    for state in ("1/3", "2/3", "3/3"):
        assert any(state in line for line in lines)


def test_a_bar_that_clears_itself_leaves_no_empty_line(capfd: pytest.CaptureFixture) -> None:
    with progress_bar(2, "images", leave=False, unit="B") as bar:
        bar.update(2)
    lines = capfd.readouterr().err.splitlines()
    assert all(line.startswith("images: ") for line in lines)


def test_a_fast_loop_writes_few_lines_into_a_log(capfd: pytest.CaptureFixture) -> None:
    with progress_bar(10_000, "images") as bar:
        for _ in range(10_000):
            bar.update(1)
    assert len(capfd.readouterr().err.splitlines()) < 10


def test_on_a_terminal_the_bar_overwrites_itself() -> None:
    pty, termios = (pytest.importorskip(name, reason="no pseudo-terminals") for name in ("pty", "termios"))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    try:
        subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, check=True)
    finally:
        os.close(theirs)
    text = b""
    # The system says that the other end is closed with an error.
    with suppress(OSError):
        while part := os.read(ours, 10_000):
            text += part
    os.close(ours)
    assert text.count(b"\r") >= 3
    assert b"\n" not in text.strip()
    assert b"3/3" in text
