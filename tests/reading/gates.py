"""Pictures at which a reader stops until the test lets it go on: named pipes, which are then files like others."""

import errno
import os
import time
from pathlib import Path

# On a machine that others load.
PATIENCE = 120


class Gate:
    """A pipe under a picture's name."""

    def __init__(self, path: Path):
        self.path, self.pipe = path, path.with_suffix(".pipe")
        os.mkfifo(self.pipe)
        os.link(self.pipe, path)

    def wait_for_reader(self) -> None:
        """Return as soon as a process reads it; that waits from then on for what it says."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.writer = os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
                return
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                # Nobody reads it yet.
                assert time.monotonic() < end, "nobody came so far"
                time.sleep(0.02)

    def become(self, content: bytes) -> None:
        """Be a file for whoever reads it from now on."""
        self.path.unlink()
        self.path.write_bytes(content)
        self.pipe.unlink()

    def let_go(self, content: bytes) -> None:
        """Tell who waits there, if it still does."""
        try:
            os.write(self.writer, content)
        except BrokenPipeError:
            # It was killed.
            pass
        finally:
            os.close(self.writer)
