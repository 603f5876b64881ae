"""The README's commands, in a fresh clone."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

VENV = f"VENV={Path(sys.prefix)}"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the work tree's changes, so that what is tested is what stands here."""
    folder = tmp_path / "project"
    run = {"check": True, "capture_output": True, "text": True}
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], **run)
    changes = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=ROOT, **run).stdout
    if changes:
        subprocess.run(["git", "apply", "-"], cwd=folder, input=changes, **run)
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, "commit", "--quiet", "--all", "--message", "changes"], cwd=folder, **run)
    return folder


def test_make_lists_its_targets() -> None:
    listing = subprocess.run(["make", VENV], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "repro", "test", "lint", "bench", "clean-cache"):
        assert f"make {target}" in listing


def test_make_demo_runs_every_stage_and_leaves_the_work_tree_as_it_was(clone: Path) -> None:
    result = subprocess.run(["make", "demo", VENV], cwd=clone, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    before_training = ("download", "normalize-stats", "explore", "gridsearch")
    for stage in (
        *before_training,
        "train-final",
        "evaluate",
        "calibrate",
        "export",
        "compare-baselines",
        "robustness",
    ):
        assert f"Running stage '{stage}'" in result.stdout
    last = result.stdout[result.stdout.index("McNemar") :]
    for word in ("final", "svm", "random_forest", "Test accuracy", "Plots: "):
        assert word in last
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True).stdout
    assert status == ""
    # A second time, everything is in the cache.
    again = subprocess.run(["make", "demo", VENV], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert "Running stage" not in again
    assert "Test accuracy" in again
