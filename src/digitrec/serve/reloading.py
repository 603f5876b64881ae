"""SIGHUP: a new model takes the place of the old one, without a request being lost."""

import asyncio
import gc
import logging
import os
import shutil
import signal
from pathlib import Path

from digitrec.errors import ArtifactError, DigitrecError
from digitrec.reading.exported import Exported, ExportedNetwork
from digitrec.serve.answering import Answering, training_times
from digitrec.serve.observing import LOADED

# Of a model's folder, what the service needs.
FILES = ("model.json", "model.onnx", "reader.onnx")
LOG = logging.getLogger("uvicorn.error")


def refuse(error: DigitrecError) -> None:
    """Log that a new model is not taken."""
    LOG.error("SIGHUP: the new model is not taken, the old one stays: %s", error)


class Terminal:
    """Tells the end of the terminal that the service was started in, which also is a SIGHUP, from a wish to reload."""

    def __init__(self) -> None:
        self._files = [file for file in (0, 1, 2) if os.isatty(file)]

    def is_gone(self) -> bool:
        """Tell whether there was one and is no more."""
        return not all(map(os.isatty, self._files))


class Reloading:
    """Holds what answers requests; after SIGHUP that is the model that lies there then.

    Requests under way are finished by the model with which they began. To be made within a running event loop.

    Parameters
    ----------
    folder : Path
        That stage `export` wrote. A link is followed once each time, so that all files are of one model.
    terminal : Terminal
        With its end, the service ends.

    Raises
    ------
    ModelError
        When there is no model that can be used.
    """

    def __init__(self, folder: Path, terminal: Terminal):
        self._folder, self._terminal, self._tasks = folder, terminal, set[asyncio.Task]()
        self._one_by_one = asyncio.Lock()
        self._use(self._load())
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        # One that came before is heeded now, see `wait_with_reloading`.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def now(self) -> Answering:
        """Give what answers a request that comes in now."""
        return self._answering

    def _load(self) -> Answering:
        return Answering(self._folder.resolve())

    def _use(self, answering: Answering) -> None:
        self._answering = answering
        LOADED.set_to_current_time()

    def _hang_up(self) -> None:
        if self._terminal.is_gone():
            signal.raise_signal(signal.SIGTERM)
            return
        task = asyncio.get_running_loop().create_task(self._reload())
        # The loop itself does not keep it.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> None:
        async with self._one_by_one:
            try:
                self._use(await asyncio.to_thread(self._load))
            except DigitrecError as error:
                refuse(error)
            settle()


def settle() -> None:
    """Leave what is loaded now out of the search for garbage, which held requests up for 30 ms."""
    # Of a model before this one, what is left is looked for.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def wait_with_reloading() -> None:
    """Put SIGHUP off until this process can heed it: it would end it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


class Kept:
    """A copy of a model that was found good: a worker that is started later has it too, whatever becomes of the files.

    Parameters
    ----------
    folder : Path
        That stage `export` wrote.
    place : Path
        A folder for copies.

    Attributes
    ----------
    folder : Path
        Where the copy is; another one takes its place at once.
    """

    def __init__(self, folder: Path, place: Path):
        self._source, self._place, self._n = folder, place, 0
        self.folder = place / "model"

    def renew(self) -> Exported:
        """Copy the model as it is now, and give its description.

        Raises
        ------
        ModelError
            When it cannot be used; the copy before stays.
        ArtifactError
            When there is no room for a copy.
        """
        ExportedNetwork(self._source)
        self._n += 1
        new, link = self._place / f"{self._n}", self._place / "link"
        # As in a project, where the times of the training are beside.
        exported, times = new / "data/export", training_times(self._source)
        try:
            exported.mkdir(parents=True)
            for name in FILES:
                if (self._source / name).exists():
                    shutil.copy(self._source / name, exported)
            if times:
                (new / "metrics/times").mkdir(parents=True)
                shutil.copy(times, new / "metrics/times")
            about = ExportedNetwork(exported).description
            link.unlink(missing_ok=True)
            link.symlink_to(exported)
            link.replace(self.folder)
        except (DigitrecError, OSError) as error:
            # A part of a copy would take room, and the next one's number.
            shutil.rmtree(new, ignore_errors=True)
            self._n -= 1
            if isinstance(error, DigitrecError):
                raise
            raise ArtifactError(f"cannot copy {self._source} to {new}: {error.strerror or error}. Make room") from error
        # A worker may just be reading the one before.
        shutil.rmtree(self._place / f"{self._n - 2}", ignore_errors=True)
        return about
