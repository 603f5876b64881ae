"""What happens to a pipeline: see faults.py."""

import importlib.util
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fault_project import Project, flip

READERS = ("evaluate", "calibrate", "train-reader", "export", "read-pages", "robustness")
RESUMED = {"train-final": "data/cache/train_final", "train-reader": "data/cache/train_reader"}


class Moment(NamedTuple):
    """When something happens in a round, and where its chances come from.

    Attributes
    ----------
    stage : str
    seconds : float
        After the stage's start.
    rng : random.Random
    """

    stage: str
    seconds: float
    rng: random.Random


# Each gives a word on what was done, None where the run had ended before.
Disturbance = Callable[[Project, Moment], str | None]


def kill_stage(project: Project, moment: Moment) -> str | None:
    """Kill the stage's process outright, as the system does where memory is short."""
    return _signal_stage(project, moment, signal.SIGKILL)


def kill_all(project: Project, moment: Moment) -> str | None:
    """Kill DVC and all that it started, as when a machine goes down."""
    return _signal_all(project, moment, signal.SIGKILL)


def terminate(project: Project, moment: Moment) -> str | None:
    """Send SIGTERM to the stage alone or to DVC and all that it started."""
    send = _signal_all if moment.rng.random() < 0.5 else _signal_stage
    return send(project, moment, signal.SIGTERM)


def full_disk(project: Project, moment: Moment) -> str | None:
    """Leave no room on the disk, or but a little: a memory disk where one can be mounted, else a limit on files."""
    room = moment.rng.choice((0, 4096, 65536, 2**20))
    process = project.repro()
    if not project.wait_for(process, moment.stage, moment.seconds):
        project.wait(process)
        return None
    disk = project.folder.parent
    if os.path.ismount(disk):
        of_disk = os.statvfs(disk)
        used = (of_disk.f_blocks - of_disk.f_bfree) * of_disk.f_frsize
        _mount("remount", f"size={used + room}", disk)
        status = project.wait(process)
        _mount("remount", "size=1g", disk)
        return f"{room:,} bytes were left on the disk; exit status {status}"
    for each in project.members(process):
        resource.prlimit(each.pid, resource.RLIMIT_FSIZE, (room, room))
    return f"files of {room:,} bytes at most; exit status {project.wait(process)}"


def read_only(project: Project, moment: Moment) -> str | None:
    """Take away the right to write in `data`."""
    data = project.folder / "data"
    if os.geteuid():
        folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    else:
        subprocess.run(["mount", "--bind", data, data], check=True)
    process, refused = project.repro(), False
    reached = project.wait_for(process, moment.stage, moment.seconds)
    if reached and os.geteuid():
        for folder in folders:
            folder.chmod(0o555)
        refused = True
    while reached and not refused and process.poll() is None:
        # The system refuses while a file there is open for writing.
        refused = subprocess.run(["mount", "-o", "remount,bind,ro", data], capture_output=True).returncode == 0
        time.sleep(0.01)
    status = project.wait(process)
    if not os.geteuid():
        subprocess.run(["umount", data], check=True)
    elif refused:
        for folder in folders:
            folder.chmod(0o755)
    return f"data could not be written; exit status {status}" if refused else None


def two_runs(project: Project, moment: Moment) -> str | None:
    """Start a second `dvc repro` while one is at work."""
    first = project.repro()
    reached = project.wait_for(first, moment.stage, moment.seconds)
    second = project.repro()
    statuses = project.wait(first), project.wait(second)
    return f"exit statuses {statuses[0]} and {statuses[1]}" if reached else None


def clock_back(project: Project, moment: Moment) -> str | None:
    """Set the clock back by a minute to ten years, in the middle of a run; it stays so."""
    back = round(60 * 10 ** moment.rng.uniform(0, 6.72))
    clock = project.folder.parent / "clock"
    clock.write_text("+0\n")
    process = project.repro()
    if reached := project.wait_for(process, moment.stage, moment.seconds):
        changed = clock.with_suffix(".new")
        changed.write_text(f"-{back}\n")
        changed.replace(clock)
    status = project.wait(process)
    return f"by {back:,} s; exit status {status}" if reached else None


def flip_in_cache(project: Project, moment: Moment) -> str | None:
    """Flip a bit of what DVC's cache holds of a stage, and lose what stands in the folder."""
    path = moment.rng.choice(project.cached(moment.stage))
    flipped = flip(path, moment.rng, moment.rng.random() < 0.5)
    project.forget_outputs(moment.stage)
    return f"{path.relative_to(project.folder)}: {flipped}"


def flip_in_checkpoint(project: Project, moment: Moment) -> str | None:
    """Flip a bit of the final network's checkpoint before a stage reads it."""
    # DVC has seen the files before, and goes by their times.
    project.run("dvc", "status")
    path = moment.rng.choice(sorted((project.folder / "data/checkpoints").iterdir()))
    return f"{path.name}: {flip(path, moment.rng, moment.rng.random() < 0.5)}"


def flip_in_journal(project: Project, moment: Moment) -> str | None:
    """Kill the search and flip a bit of its journal, half of the times in a score."""
    path = project.folder / "data/cache/gridsearch.jsonl"
    if not _killed_with(project, moment, path.parent, path.name):
        return None
    scores = [found.span(1) for found in re.finditer(rb'"score": ([0-9.]+)', path.read_bytes())]
    span = moment.rng.choice(scores) if scores and moment.rng.random() < 0.5 else None
    return f"{path.name}: {flip(path, moment.rng, moment.rng.random() < 0.5, span)}"


def flip_in_resume_state(project: Project, moment: Moment) -> str | None:
    """Kill a training and flip a bit of the state from which it would go on."""
    states = _killed_with(project, moment, project.folder / RESUMED[moment.stage], "*.pt")
    return f"{states[0].name}: {flip(states[0], moment.rng, moment.rng.random() < 0.5)}" if states else None


class Kind(NamedTuple):
    """A kind of fault.

    Attributes
    ----------
    title : str
        For the table.
    happen : callable
    stages : tuple of str
        Those that it can happen to; none stands for all.
    stale : bool
        Whether the stage is undone before.
    """

    title: str
    happen: Disturbance
    stages: tuple[str, ...] = ()
    stale: bool = True


KINDS = {
    "kill-stage": Kind("the stage is killed (SIGKILL)", kill_stage),
    "kill-all": Kind("DVC and all that it started are killed (SIGKILL)", kill_all),
    "terminate": Kind("SIGTERM, to the stage or to all", terminate),
    "full-disk": Kind("the disk is full", full_disk),
    "read-only": Kind("`data` cannot be written", read_only),
    "two-runs": Kind("a second `dvc repro` meanwhile", two_runs),
    "clock-back": Kind("the clock is set back, by a minute to ten years", clock_back),
    "flip-cache": Kind("a bit flipped in DVC's cache, outputs lost", flip_in_cache, stale=False),
    "flip-checkpoint": Kind("a bit flipped in the checkpoint", flip_in_checkpoint, READERS),
    "flip-journal": Kind("the search killed, a bit flipped in its journal", flip_in_journal, ("gridsearch",)),
    "flip-resume": Kind("a training killed, a bit flipped in its state", flip_in_resume_state, tuple(RESUMED)),
}


def why_not(kind: str, mounts: bool) -> str | None:
    """Say why a kind cannot be had here; None where it can."""
    if kind == "clock-back" and not importlib.util.find_spec("libfaketime"):
        return "libfaketime is not installed (pip install libfaketime)"
    if kind == "read-only" and not os.geteuid() and not mounts:
        return "root writes everywhere, and nothing can be mounted read-only"
    return None


def environment_of(kind: str, project: Project) -> dict[str, str]:
    """What `dvc repro` is started with in a round of a kind."""
    if kind != "clock-back":
        return {}
    package = Path(importlib.util.find_spec("libfaketime").submodule_search_locations[0])
    return {
        "LD_PRELOAD": str(package / "vendor/libfaketime/src/libfaketime.so.1"),
        "FAKETIME_TIMESTAMP_FILE": str(project.folder.parent / "clock"),
        "FAKETIME_NO_CACHE": "1",
        # A clock that is set back leaves waits and stopwatches alone.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@contextmanager
def disk(folder: Path, kind: str, mounts: bool) -> Iterator[None]:
    """Make a folder for a round, on a small disk of its own where a kind needs that, and remove it in the end."""
    folder.mkdir(parents=True)
    mounted = kind == "full-disk" and mounts
    if mounted:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        if os.path.ismount(folder / "project/data"):
            subprocess.run(["umount", folder / "project/data"], check=True)
        if mounted:
            subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder)


def _mount(action: str, option: str, folder: Path) -> None:
    subprocess.run(["mount", "-o", f"{action},{option}", folder], check=True)


def _signal_stage(project: Project, moment: Moment, kind: signal.Signals) -> str | None:
    process = project.repro()
    done = None
    reached = project.wait_for(process, moment.stage, moment.seconds)
    if reached and (stage := project.at_work(process).get(moment.stage)):
        stage.send_signal(kind)
        done = f"{kind.name} to the stage"
    project.wait(process)
    return done


def _signal_all(project: Project, moment: Moment, kind: signal.Signals) -> str | None:
    process = project.repro()
    reached = project.wait_for(process, moment.stage, moment.seconds)
    if reached:
        project.end(process, kind)
    project.wait(process)
    # Workers of a killed stage notice by themselves; what a round starts next is not to meet them.
    project.end_all()
    return f"{kind.name} to all" if reached else None


def _killed_with(project: Project, moment: Moment, folder: Path, name: str) -> list[Path]:
    """Kill all as soon as the moment has come and there is such a file; the files, none where the run had ended."""
    process = project.repro()
    reached = project.wait_for(process, moment.stage, moment.seconds)
    while reached and not list(folder.glob(name)) and process.poll() is None:
        time.sleep(0.05)
    reached = process.poll() is None
    project.end_all()
    return [path for path in sorted(folder.glob(name)) if reached and path.stat().st_size]
