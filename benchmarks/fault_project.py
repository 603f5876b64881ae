"""A copy of a finished tiny pipeline to which something happens: see faults.py."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[1]
# Six epochs: a training that is long enough to be hit at a random moment.
SETTINGS = yaml.safe_load((ROOT / "demo/tiny.yaml").read_text(encoding="utf-8")) | {"max_epochs": 6}
# What stages keep beside DVC, so that a stage that runs again has work to do.
KEPT = {"gridsearch": "data/cache/gridsearch.jsonl", "fit-baseline": "data/cache/baselines"}
# A run that takes longer than this hangs.
SECONDS = 900


class Project:
    """A pipeline in a folder, and what a user does with it.

    Parameters
    ----------
    folder : Path
        Where it is; what DVC knows of its files lies beside it, and so does log.txt, with all that was printed.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.stages: dict[str, dict] = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        self.log = folder.parent / "log.txt"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DIGITREC_", "DVC_"))}
        self.environment = kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "DIGITREC_JOBS": "1",
            "OMP_NUM_THREADS": "1",
            # Another folder for each copy, for what DVC remembers of files' times.
            "DVC_SITE_CACHE_DIR": str(folder.parent / "site"),
        }
        self.started: list[subprocess.Popen] = []

    def start(self, *command: str) -> subprocess.Popen:
        """Start a command in a session of its own, by which all that it starts is found."""
        with open(self.log, "ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode())
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def repro(self) -> subprocess.Popen:
        """Start `dvc repro`."""
        return self.start("dvc", "repro")

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command to its end; its exit status and what was printed."""
        before = self.log.stat().st_size if self.log.exists() else 0
        status = self.wait(self.start(*command))
        return status, self.log.read_bytes()[before:].decode(errors="replace")

    def traceback(self) -> bool:
        """Whether Python's own words were printed, where a message should be."""
        return self.log.exists() and b"Traceback (most recent call last)" in self.log.read_bytes()

    def wait(self, process: subprocess.Popen) -> int:
        """Wait for the end; a run that hangs is killed and has the status -9."""
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.end(process)
            return process.wait()

    def members(self, process: subprocess.Popen) -> list[psutil.Process]:
        """What runs in the session of a `dvc repro`: itself, shells, the stage and its workers."""
        found = []
        for each in psutil.process_iter():
            try:
                if os.getsid(each.pid) == process.pid and each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def at_work(self, process: subprocess.Popen) -> dict[str, psutil.Process]:
        """The process of the stage that runs, by its name; nothing between two stages."""
        found = {}
        for each in self.members(process):
            try:
                words = each.cmdline() if "sh" not in each.name() else []
            except psutil.NoSuchProcess:
                continue
            found |= {stage: each for stage in self.stages if script_of(stage) in words}
        return found

    def wait_for(self, process: subprocess.Popen, stage: str, seconds: float) -> bool:
        """Wait until a stage has been at work for so many seconds; False if the run has ended before."""
        while process.poll() is None:
            if stage in self.at_work(process):
                # The rest of the run, DVC's part at its end too, is hit by a moment after the stage's own end.
                end = time.monotonic() + seconds
                while time.monotonic() < end and process.poll() is None:
                    time.sleep(0.01)
                return process.poll() is None
            time.sleep(0.05)
        return False

    def end(self, process: subprocess.Popen, kind: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a `dvc repro` and to all that it started."""
        for each in self.members(process):
            try:
                each.send_signal(kind)
            except psutil.NoSuchProcess:
                continue

    def end_all(self) -> None:
        """End whatever was started here and is not over."""
        for process in self.started:
            self.end(process)
            process.wait()

    def outputs(self, stage: str) -> list[Path]:
        """Paths that a stage writes."""
        listed = [each for key in ("outs", "metrics", "plots") for each in self.stages[stage].get(key, [])]
        return [self.folder / (each if isinstance(each, str) else next(iter(each))) for each in listed]

    def forget_outputs(self, stage: str) -> None:
        """Remove what a stage wrote; DVC has it in its cache."""
        for path in self.outputs(stage):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def make_stale(self, stage: str) -> None:
        """Leave the stage undone: no outputs, nothing in dvc.lock, in the run cache or kept beside DVC."""
        self.forget_outputs(stage)
        lock = self.folder / "dvc.lock"
        content = yaml.safe_load(lock.read_text(encoding="utf-8"))
        del content["stages"][stage]
        lock.write_text(yaml.safe_dump(content), encoding="utf-8")
        for path in list((self.folder / ".dvc/cache/runs").rglob("*")):
            if path.is_file() and script_of(stage) in path.read_text(encoding="utf-8"):
                shutil.rmtree(path.parent)
        if stage in KEPT:
            kept = self.folder / KEPT[stage]
            kept.unlink() if kept.is_file() else shutil.rmtree(kept)

    def results(self) -> dict[str, Any]:
        """All that a run gives: hashes of the files that stages wrote, but wall times, and what dvc.lock says."""
        paths = [path for room in ("data", "metrics", "plots") for path in sorted((self.folder / room).rglob("*"))]
        names = {path.relative_to(self.folder).as_posix(): path for path in paths if path.is_file()}
        files = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in names.items()
            if not name.startswith(("data/cache/", "metrics/times/"))
        }
        lock = yaml.safe_load((self.folder / "dvc.lock").read_text(encoding="utf-8"))
        return files | {f"dvc.lock: {name}": entry for name, entry in lock["stages"].items()}

    def cached(self, stage: str | None = None) -> list[Path]:
        """Every file in DVC's cache, or those of a stage's outputs."""
        # Beside the folders lies what DVC was writing when it ended, which it takes for nothing.
        files = sorted(path for path in (self.folder / ".dvc/cache/files/md5").glob("??/*") if path.is_file())
        if stage is None:
            return files
        lock = yaml.safe_load((self.folder / "dvc.lock").read_text(encoding="utf-8"))
        names = {each["md5"] for each in lock["stages"][stage]["outs"]}
        for path in files:
            if path.parent.name + path.name in names and path.suffix == ".dir":
                names |= {each["md5"] for each in json.loads(path.read_text(encoding="utf-8"))}
        return [path for path in files if path.parent.name + path.name in names]

    def damaged_cache(self) -> list[str]:
        """The files in DVC's cache that are not what their names say."""
        return [
            str(path.relative_to(self.folder))
            for path in self.cached()
            if hashlib.md5(path.read_bytes()).hexdigest() != path.parent.name + path.stem
        ]


def script_of(stage: str) -> str:
    """The path of a stage's script."""
    return f"stages/{stage.replace('-', '_')}.py"


def flip(path: Path, rng: random.Random, keep_time: bool, span: tuple[int, int] | None = None) -> str:
    """Flip one bit of a file, anywhere or between two bytes, with or without its time of change; say which."""
    before, content = path.stat(), bytearray(path.read_bytes())
    position, bit = rng.randrange(*(span or (0, len(content)))), rng.randrange(8)
    content[position] ^= 1 << bit
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.write(content)
    path.chmod(before.st_mode)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"bit {bit} of byte {position:,} of {len(content):,}, time {'kept' if keep_time else 'changed'}"


def advised(printed: str) -> list[str]:
    """The commands that errors name, in the order in which they are to be typed."""
    commands: list[str] = []
    for line in printed.splitlines():
        if found := re.search(r"remove '([^']+)' and try again", line):
            commands.append(f"rm '{found[1]}'")
        if "error" not in line.lower():
            continue
        commands += [f"rm -f {each}" for each in re.findall(r"Remove (/\S+) and run", line)]
        if found := re.search(r"(/[^\s(]+) is (?:damaged|no ).* remove it and run", line):
            commands.append(f"rm '{found[1]}'")
        commands += re.findall(r"`((?:rm|dvc) [^`]+)`", line)
    return list(dict.fromkeys(commands))
