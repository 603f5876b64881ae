"""Fixtures: real pipelines in folders of their own."""

import contextlib
import io
import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import pytest
import yaml
from filelock import FileLock

from tests.dask_cluster import Cluster
from tests.tracing import home_of, traced

ROOT = Path(__file__).parents[1]
# This clone's code in child processes too, also where the environment was made by another clone.
os.environ["PYTHONPATH"] = str(ROOT / "src")
# Before any library counts the cores: the workers that run the tests have one each.
os.environ["OMP_NUM_THREADS"] = "1"
# By these variables coverage measures child processes too, whose starts then take half as long again. The workers that
# run the tests are measured already, and with them stages that run there, see `Pipeline.stage_here`.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        os.environ.pop(name, None)
TINY = yaml.safe_load((ROOT / "demo/tiny.yaml").read_text(encoding="utf-8")) | {"max_epochs": 3}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    # Slow ones first: what workers take from one another at the end is then short.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def heed_interrupts() -> None:
    """In a child process, before it starts: SIGINT interrupts, also where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment_of(source: Path) -> dict[str, str]:
    """The environment of commands that work in a copy of the project, whatever a person has set in the shell."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DIGITREC_", "DVC_"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(source),
        # To start workers would take longer than what they would do.
        "DIGITREC_JOBS": "1",
    }


class Pipeline:
    """A copy of the pipeline in a folder, and what a user does with it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = environment_of(folder / "src")

    def run(self, *command: str, ok: bool = True, **environment: str) -> subprocess.CompletedProcess:
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True
        )
        assert (result.returncode == 0) is ok, f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        """Start a command in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )

    def stage(self, name: str, *arguments: str, ok: bool = True, **environment: str) -> subprocess.CompletedProcess:
        return self.run("python", f"stages/{name}.py", *arguments, ok=ok, **environment)

    def stage_here(self, name: str, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run a stage in this process, which has the libraries loaded; its exit status and what it wrote to stderr."""
        status, _, errors = self._run_here(name, *arguments, **environment)
        return status, errors

    def printed_by(self, name: str, *arguments: str, **environment: str) -> str:
        """Run a stage in this process, and it goes well; what it wrote to stdout."""
        status, output, errors = self._run_here(name, *arguments, **environment)
        assert status == 0, output + errors
        return output

    def _run_here(self, name: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
        output, errors = io.StringIO(), io.StringIO()
        terminated = signal.getsignal(signal.SIGTERM)
        script = str(self.folder / f"stages/{name}.py")
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
            mock.patch.object(sys, "argv", [script, *arguments]),
            mock.patch.dict(os.environ, self.environment | environment, clear=True),
        ):
            try:
                runpy.run_path(script, run_name="__main__")
                status = 0
            except SystemExit as end:
                status = int(end.code or 0)
            finally:
                signal.signal(signal.SIGTERM, terminated)
        return status, output.getvalue(), errors.getvalue()

    def status(self) -> set[str]:
        """The stages that `dvc status` names: those that something changed for."""
        from dvc.repo import Repo  # Not for tests without a pipeline: it takes a second.

        with contextlib.chdir(self.folder), Repo() as repo:
            return set(repo.status())

    def repro(self, *targets: str, **environment: str) -> set[str]:
        """Run `dvc repro`; the stages that ran."""
        return stages_run(self.run("dvc", "repro", *targets, **environment).stdout)

    @property
    def reproduction(self) -> "Pipeline":
        """The project of the published systems, with the same code."""
        inner = Pipeline(self.folder / "reproduction")
        inner.environment = self.environment
        return inner

    def copy(self, folder: Path) -> "Pipeline":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Pipeline(folder)

    def change_params(self, change: Callable[[dict], None]) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def put_under_git(self) -> None:
        """Commit it, as `dvc exp` wants it."""
        self.run("dvc", "config", "core.no_scm", "false")
        shutil.copy(ROOT / ".gitignore", self.folder)
        (self.folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
        self.run("git", "init", "-q", "-b", "main")
        for key, value in {"user.name": "test", "user.email": "test@example.org", "core.hooksPath": ""}.items():
            self.run("git", "config", key, value)
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "start")

    def snapshot(self) -> dict[str, bytes]:
        """Every file that stages wrote, but wall times and caches."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for room in ("data", "metrics", "plots")
            for path in sorted((self.folder / room).rglob("*"))
            if path.is_file() and "cache" not in path.parts and "times" not in path.parts
        }


def stages_run(output: str) -> set[str]:
    """The stages that `dvc repro` says it ran."""
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def prepare(folder: Path, overrides: Path) -> Pipeline:
    """Lay a pipeline out in `folder`, with nothing run."""
    pipeline = Pipeline(folder)
    command = [sys.executable, str(ROOT / "demo/prepare.py"), str(folder), str(overrides)]
    subprocess.run(command, env=pipeline.environment, check=True)
    return pipeline


def clone_of_the_work_tree(folder: Path) -> None:
    """A repository with what stands here, committed or not, so that this is what is tested."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function that makes a folder by `build(folder)` where no worker has made one of that name yet."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"

    def make(name: str, build: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        shared.mkdir(exist_ok=True)
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                # Where another worker failed, this one tries from the start.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                build(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def demo(once: Callable) -> Path:
    """A clone after `make demo` with tiny settings; demo.log holds what it printed, demo.trace what it reached.

    Where it can be traced, it has a home folder of its own, `home` beside the clone.
    """

    def build(folder: Path) -> None:
        clone, settings = folder / "project", folder / "tiny.yaml"
        settings.write_text(yaml.safe_dump(TINY))
        clone_of_the_work_tree(clone)
        result = make_demo(folder, traced(folder / "demo.trace"), home_of(folder / "home"))
        (folder / "demo.log").write_text(result.stdout + result.stderr)
        assert result.returncode == 0, result.stdout + result.stderr

    return once("demo", build)


def make_demo(
    folder: Path, tracer: Sequence[str] = (), environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess:
    """Run `make demo` in the clone in `folder`, with the settings beside it."""
    command = [*tracer, "make", "demo", f"VENV={sys.prefix}", f"DEMO={folder / 'tiny.yaml'}"]
    environment = environment_of(folder / "project/src") | environment
    return subprocess.run(command, cwd=folder / "project", env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def finished(demo: Path) -> Pipeline:
    """A tiny pipeline after `dvc repro`, to be looked at; tests that change something take `pipeline`."""
    return Pipeline(demo / "project/.demo")


@pytest.fixture(scope="session")
def changed(finished: Pipeline, once: Callable) -> Pipeline:
    """The finished pipeline under git, then with another lr and one epoch more; repro.log beside it says what ran."""

    def build(folder: Path) -> None:
        pipeline = finished.copy(folder / "project")
        pipeline.put_under_git()
        pipeline.run("git", "switch", "-qc", "change")
        pipeline.change_params(lambda params: params.update(lr=0.002, max_epochs=4))
        (folder / "repro.log").write_text(pipeline.run("dvc", "repro").stdout)

    return Pipeline(once("changed", build) / "project")


@pytest.fixture
def pipeline(finished: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of the finished tiny pipeline, to do with as one likes."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler without workers, which ends with the test, as do the workers that it has then."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()
