"""The README's commands, in a fresh clone."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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


@pytest.fixture
def unpacked() -> Iterator[Path]:
    """The project without git, as a zip has it, where anybody may write."""
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        clone_of_the_work_tree(project)
        shutil.rmtree(project / ".git")
        for path in (Path(folder), project, *project.rglob("*")):
            path.chmod(0o777)
        yield project


# What all targets have in common, and the first stage, which is done in a second.
FIRST = "first:; @sh stages/without_git.sh; dvc repro check-params"


# As a user without a name; it may look through folders, where the interpreter may lie in root's own.
CAPABILITY = "+dac_read_search"
NAMELESS = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
NAMELESS += ["--inh-caps", CAPABILITY, "--ambient-caps", CAPABILITY]


def _first(project: Path, *before: str, **changes: str | None) -> subprocess.CompletedProcess:
    environment = {
        key: value for key, value in (environment_of(project / "src") | changes).items() if value is not None
    }
    command = [*before, "make", f"VENV={sys.prefix}", "--eval", FIRST, "first"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_without_git_the_pipeline_runs_and_one_line_says_what_does_not(unpacked: Path) -> None:
    result = _first(unpacked)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Running stage 'check-params'" in result.stdout
    [note] = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
    assert "`git init && git add -A && git commit` mends that" in note
    tests = subprocess.run(
        ["make", f"VENV={sys.prefix}", "test"],
        cwd=unpacked,
        env=environment_of(unpacked / "src"),
        capture_output=True,
        text=True,
    )
    assert tests.returncode != 0
    assert "error: tests clone this project, so git must know it: `git init && git add" in tests.stderr

    subprocess.run(["git", "init", "-q"], cwd=unpacked, check=True)
    again = _first(unpacked)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "note: " not in again.stderr
    assert "no_scm" not in (unpacked / ".dvc/config.local").read_text()


@pytest.mark.slow
def test_without_the_program_git_the_pipeline_runs_too(unpacked: Path) -> None:
    tools = unpacked.parent / "tools"
    tools.mkdir()
    for name in ("sh", "cat", "cksum", "cut", "dirname", "grep", "head", "id", "make", "mkdir", "ps", "sed", "tr"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    result = _first(unpacked, PATH=str(tools))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "install git" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root may become another user")
@pytest.mark.parametrize("home", [None, "/", "/root", "/nowhere"])
def test_a_user_without_a_name_or_a_home_folder_can_run_the_pipeline(unpacked: Path, home: str | None) -> None:
    result = _first(unpacked, *NAMELESS, HOME=home, USER=None, LOGNAME=None)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Running stage 'check-params'" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files to another user")
def test_in_a_checkout_of_another_user_the_pipeline_runs_and_the_way_on_is_named(unpacked: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=unpacked, check=True)
    for path in (unpacked, *unpacked.rglob("*")):
        os.chown(path, 12345, 12345)
    result = _first(unpacked, HOME=str(unpacked.parent))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"git config --global --add safe.directory '{unpacked}'" in result.stderr
    assert "Running stage 'check-params'" in result.stdout


def test_a_pipeline_is_laid_out_in_a_folder_of_its_own_only(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/mine.py").write_text("mine")
    command = [sys.executable, str(ROOT / "demo/prepare.py"), str(tmp_path), str(ROOT / "demo/params.yaml")]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert f"error: {tmp_path} is no folder of an earlier run" in refused.stderr
    assert (tmp_path / "src/mine.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read ([Errno 2] No such file"),
        (b"a: [", "cannot be read (while parsing a flow"),
        (b"a: \xff", "cannot be read ('utf-8' codec can't decode"),
        (b"- a", "got ['a'], expected keys of params.yaml with values"),
    ],
)
def test_overrides_that_are_none_are_told_and_nothing_is_written(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    overrides = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml"))
    if content is not None:
        overrides.write_bytes(content)
    command = [sys.executable, str(ROOT / "demo/prepare.py"), str(tmp_path / "new"), str(overrides)]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert message in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()
    usage = subprocess.run(command[:2], capture_output=True, text=True)
    assert (usage.returncode, "Usage: python demo/prepare.py" in usage.stderr) == (1, True)
