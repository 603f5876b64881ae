"""Fixtures: real pipelines in folders of their own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
# This clone's code in child processes too, also where the environment was made by another clone.
os.environ["PYTHONPATH"] = str(ROOT / "src")
# As little as shows the behaviour: two candidates, two folds, three epochs, two baselines, on the embedded digits.
TINY = {
    "dataset": "digits",
    "max_epochs": 3,
    "explore": {"tsne_images": 60},
    "search": {
        "cv": 2,
        "factor": 2,
        "min_images": 200,
        "max_images": 400,
        "space": {"lr": [0.001, 0.003], "max_epochs": [1], "batch_size": [64], "optimizer": ["adam"]},
        "architectures": {
            "mnistnet": {"nonlinearity": ["relu"], "num_units": [4], "out_units": [6], "fout_units": [8]},
            "mlp": {"hidden_1": [16], "hidden_2": [8]},
        },
    },
    "baselines": ["gaussian_naive_bayes", "knn"],
}


def heed_interrupts() -> None:
    """In a child process, before it starts: SIGINT interrupts, also where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Pipeline:
    """A copy of the pipeline in a folder, and what a user does with it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("DIGITREC_", "DVC_"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            # Tests run side by side, a process a core.
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *command: str, ok: bool = True, **environment: str) -> subprocess.CompletedProcess:
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True
        )
        assert (result.returncode == 0) is ok, f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def start(self, *command: str) -> subprocess.Popen:
        """Start a command in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )

    def stage(self, name: str, *arguments: str, ok: bool = True, **environment: str) -> subprocess.CompletedProcess:
        return self.run("python", f"stages/{name}.py", *arguments, ok=ok, **environment)

    def change_params(self, change: Callable[[dict], None]) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def put_under_git(self) -> None:
        """Commit it, as `dvc exp` wants it."""
        self.run("dvc", "config", "core.no_scm", "false")
        (self.folder / ".gitignore").write_text("/data/\n__pycache__/\n")
        (self.folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
        self.run("git", "init", "-q")
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


def prepare(folder: Path, overrides: Path) -> Pipeline:
    pipeline = Pipeline(folder)
    subprocess.run(
        [sys.executable, str(ROOT / "demo/prepare.py"), str(folder), str(overrides)],
        env=pipeline.environment,
        check=True,
    )
    return pipeline


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A tiny pipeline after `dvc repro`; tests copy it, see `pipeline`."""
    folder = tmp_path_factory.mktemp("finished")
    overrides = folder / "tiny.yaml"
    overrides.write_text(yaml.safe_dump(TINY))
    pipeline = prepare(folder / "project", overrides)
    pipeline.run("dvc", "repro")
    return pipeline


@pytest.fixture
def pipeline(finished: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of the finished tiny pipeline, to do with as one likes."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Pipeline(folder)
