"""A real Dask scheduler and real workers, each a process on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
# On a machine that others load.
PATIENCE = 180


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait as long as it takes on such a machine."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not get that far"
        time.sleep(0.05)


class Cluster:
    """A scheduler on a free port, and workers in project folders."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.processes: list[subprocess.Popen] = []
        self.scheduler = self._start(folder, "scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(lambda: "Scheduler at:" in self.log(self.scheduler))
        self.address = self.log(self.scheduler).split("Scheduler at:")[1].split()[0]

    def _start(self, project: Path, *arguments: str, **environment: str) -> subprocess.Popen:
        with open(self.folder / f"{len(self.processes)}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--dashboard-address", "127.0.0.1:0"],
                cwd=project,
                env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def log(self, process: subprocess.Popen) -> str:
        return (self.folder / f"{self.processes.index(process)}.log").read_text()

    def start_worker(self, project: Path = ROOT, *options: str) -> subprocess.Popen:
        """Start a worker as the README says, but so that it is one process, which nothing starts again."""
        options = ("--nthreads", "1", *options) if "--nthreads" not in options else options
        options = ("--host", "127.0.0.1", "--memory-limit", "0", "--local-directory", str(self.folder), *options)
        if "--nworkers" not in options:
            options = (*options, "--no-nanny")
        # The tests' own modules are functions to run.
        path = os.pathsep.join(map(str, [project / "src", ROOT / "src", ROOT]))
        process = self._start(project, "worker", self.address, *options, PYTHONPATH=path)
        wait_until(lambda: "Starting established connection" in self.log(process))
        return process

    def stop(self) -> None:
        running = [process for process in self.processes if process.poll() is None]
        children = [child for process in running for child in psutil.Process(process.pid).children(True)]
        for process in running:
            process.kill()
        for child in children:
            # A worker ends by itself once what started it has.
            with suppress(psutil.NoSuchProcess):
                child.kill()
        for process in running:
            process.wait()
