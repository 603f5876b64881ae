"""Where a clone may lie: odd paths and locales, a larger repository, a worktree, where nothing can be written."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, clone_of_the_work_tree, environment_of, stages_run
from tests.serve.conftest import running
from tests.test_makefile import NAMELESS

SOURCE = str(ROOT / "src")
DRAWN = ROOT / "tests/drawn/3_plain_003.png"
# The first stages, which are done in seconds, as all targets run them.
FIRST = "first:; @sh stages/without_git.sh; dvc repro download"
DIGITREC = [sys.executable, "-c", "from digitrec.cli import main; main(prog_name='digitrec')"]
# Letters of several scripts, a space, a quote.
ODD = "l'été ü/数字 Прое"


def _environment(project: Path, **more: str) -> dict[str, str]:
    """In which nothing says that text is UTF-8."""
    kept = {
        key: value
        for key, value in environment_of(project / "src").items()
        if not key.startswith(("LC_", "LANG", "PYTHONUTF8", "PYTHONIOENCODING"))
    }
    return kept | {"LC_ALL": "C"} | more


def _run(project: Path, *command: str | bytes | Path, **more: str) -> subprocess.CompletedProcess:
    result = subprocess.run(command, cwd=project, env=_environment(project, **more), capture_output=True, text=True)
    assert "Traceback" not in result.stderr
    return result


def _made(project: Path) -> set[str]:
    result = _run(project, "make", f"VENV={sys.prefix}", "--eval", FIRST, "first")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "note: " not in result.stderr
    return stages_run(result.stdout)


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def larger(once: Callable) -> Path:
    """A larger repository in an odd path, in which this project is the folder `tools ü/digitrec`; nothing has run."""

    def build(folder: Path) -> None:
        outer = folder / ODD
        project = outer / "tools ü/digitrec"
        clone_of_the_work_tree(project)
        shutil.rmtree(project / ".git")
        params = project / "params.yaml"
        params.write_text(params.read_text(encoding="utf-8").replace("dataset: mnist", "dataset: digits"), "utf-8")
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
            _git(outer, *command)

    return once("larger", build) / ODD


@pytest.mark.slow
def test_in_a_folder_of_a_larger_repository_in_an_odd_path_without_utf_8_the_pipeline_runs(larger: Path) -> None:
    project = larger / "tools ü/digitrec"
    assert _made(project) == {"check-params", "index-folder", "download"}
    # Git is to keep none of what they made.
    assert _git(larger, "-c", "core.quotePath=false", "status", "--porcelain", "-uall").splitlines() == [
        ' M "tools ü/digitrec/dvc.lock"'
    ]


@pytest.mark.slow
def test_in_a_worktree_the_pipeline_runs_and_experiments_too(larger: Path, tmp_path: Path) -> None:
    _git(larger, "worktree", "add", "-q", "-b", "tree", str(tmp_path / "tree"))
    project = tmp_path / "tree/tools ü/digitrec"
    named = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    tried = _run(project, "dvc", "exp", "run", "check-params", "-S", "seed=7", "-n", "seventh", **named)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert stages_run(tried.stdout) == {"check-params"}
    assert "seed" in _run(project, "dvc", "params", "diff").stdout
    assert "/seventh" in _git(larger, "for-each-ref", "refs/exps")
    assert "params.yaml" not in _git(larger, "status", "--porcelain")


# Bytes that are no UTF-8, other scripts, what patterns and formulas are written with, a line break.
NAMES = [b"\xff 3.png", "ü 数.png".encode(), b"[3].png", b"3\n3.png", rb"a$\frac$3.png"]


@pytest.mark.slow
def test_files_of_any_names_are_answered_and_drawn_in_any_locale(tmp_path: Path) -> None:
    for name in NAMES:
        shutil.copy(DRAWN, os.fsencode(tmp_path) + b"/" + name)
    shown = Path(os.fsdecode(os.fsencode(tmp_path) + b"/seen \xff.png"))
    answered = _run(tmp_path, *DIGITREC, "predict", *NAMES, b"none \xff.png", "--show", shown, PYTHONPATH=SOURCE)
    assert answered.stdout.count(": 3 ") == len(NAMES)
    assert answered.stderr == "error: none \\udcff.png: cannot be read: No such file or directory\n"
    assert shown.stat().st_size > 1000
    read = _run(tmp_path, *DIGITREC, "read", *NAMES, "--show", shown, PYTHONPATH=SOURCE)
    assert read.stdout.count(": 3\n") == len(NAMES)
    assert len(list(tmp_path.glob("seen *-[1-5].png"))) == len(NAMES)


@pytest.fixture
def locked() -> Iterator[Path]:
    """A clone that nobody can write to who is not root."""
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / ODD
        clone_of_the_work_tree(project)
        paths = [path for path in (Path(folder), *Path(folder).rglob("*")) if not path.is_symlink()]
        for path in paths:
            path.chmod((path.stat().st_mode | 0o555) & ~0o222)
        yield project
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)


ROOTS = os.getuid() == 0
BEFORE = NAMELESS if ROOTS else []


@pytest.mark.slow
@pytest.mark.skipif(ROOTS and not shutil.which("setpriv"), reason="root can write anywhere, and cannot be another user")
def test_where_nothing_can_be_written_digits_are_read_and_all_else_is_one_line(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*command: str | Path) -> subprocess.CompletedProcess:
        return _run(locked, *BEFORE, *command, HOME="/nowhere")

    image = locked / "tests/drawn/3_plain_003.png"
    assert ": 3 " in run(*DIGITREC, "predict", image).stdout
    assert run(*DIGITREC, "read", image).stdout == "3\n"
    assert run(*DIGITREC, "model").stdout.startswith(f"{locked}/src/digitrec/pretrained: ")
    for command in ("predict", "read"):
        drawn = run(*DIGITREC, command, image, "--show", "seen.png")
        assert drawn.returncode == 1
        [said] = [line for line in drawn.stderr.splitlines() if line.startswith("error: ")]
        assert "seen.png" in said
        assert "Permission denied" in said
    assert "make demo" in run("make").stdout
    for target in ("demo", "repro", "test", "serve"):
        refused = run("make", f"VENV={locked}/none", target)
        assert refused.returncode == 2
        assert "*** this checkout cannot be written to; `git clone" in refused.stderr
        assert refused.stderr.count("\n") == 1
    staged = run("sh", "stages/run.sh", "stages/check_params.py")
    assert staged.returncode == 1
    assert staged.stderr.startswith(f"error: cannot write {locked}/data/params_checked: Permission denied.")
    monkeypatch.setenv("PYTHONPATH", str(locked / "src"))
    with running(locked / "src/digitrec/pretrained", tracer=BEFORE) as service:
        found = httpx.post(f"{service.url}/predict", content=image.read_bytes(), timeout=30)
    assert found.json()["label"] == "3"
