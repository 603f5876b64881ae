"""The README's commands, in a fresh clone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from digitrec.config.params import load_params
from tests.conftest import ROOT, Pipeline, clone_of_the_work_tree, environment_of, make_demo, prepare, stages_run

STAGES = set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
TARGETS = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


def _make(folder: Path, *arguments: str) -> str:
    command = ["make", f"VENV={sys.prefix}", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment_of(folder / "src"), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_make_lists_its_targets() -> None:
    listing = _make(ROOT)
    for target in TARGETS:
        assert f"make {target} " in listing


def test_make_demo_runs_every_stage_and_leaves_the_work_tree_as_it_was(demo: Path) -> None:
    printed = (demo / "demo.log").read_text()
    assert stages_run(printed) == STAGES
    last = printed[printed.index("McNemar") :]
    for word in ("final", "knn", "gaussian_naive_bayes", "Test accuracy", "Plots: "):
        assert word in last
    status = subprocess.run(["git", "status", "--porcelain"], cwd=demo / "project", capture_output=True, text=True)
    assert status.stdout == ""


def test_make_demo_a_second_time_runs_nothing_and_shows_the_results(demo: Path, finished: Pipeline) -> None:
    before = finished.snapshot()
    again = make_demo(demo).stdout
    assert stages_run(again) == set()
    assert "Test accuracy" in again
    assert finished.snapshot() == before


@pytest.mark.slow
@pytest.mark.parametrize("overrides", ["demo/params.yaml", "reproduction/quick.yaml"])
def test_what_make_changes_in_the_parameters_is_valid(overrides: str, tmp_path: Path) -> None:
    pipeline = prepare(tmp_path / "project", ROOT / overrides)
    changed = load_params(pipeline.folder / "params.yaml")
    assert changed != load_params(ROOT / "params.yaml")
    assert pipeline.status() >= STAGES


def test_make_works_in_a_path_with_spaces_and_clears_only_what_is_its_own(tmp_path: Path) -> None:
    clone = tmp_path / "my own project"
    clone_of_the_work_tree(clone)
    dry = _make(clone, "--dry-run", "demo", "reproduce", "QUICK=1")
    assert f'PYTHONPATH="{clone}/.demo/src"' in dry
    assert f'PYTHONPATH="{clone}/.quick/src"' in dry
    for path in ("data/cache/gridsearch.jsonl", ".demo/dvc.yaml", ".dvc/cache/files/md5/00/11"):
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text("kept?")
    told = _make(clone, "clean-cache")
    assert "deleting data/cache (" in told
    assert "deleting .demo (" in told
    assert not (clone / "data/cache").exists()
    assert not (clone / ".demo").exists()
    assert (clone / ".dvc/cache/files/md5/00/11").exists()
    assert subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True).stdout == ""


def test_a_clone_that_git_is_to_give_windows_line_ends_has_the_same_bytes(tmp_path: Path) -> None:
    clone_of_the_work_tree(tmp_path / "origin")
    command = ["git", "clone", "-q", "-c", "core.autocrlf=true", "origin", "clone"]
    subprocess.run(command, cwd=tmp_path, check=True)
    for path in (tmp_path / "origin").rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(tmp_path).parts:
            assert (tmp_path / "clone" / path.relative_to(tmp_path / "origin")).read_bytes() == path.read_bytes(), path
