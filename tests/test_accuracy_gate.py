"""The check that refuses a pull request with which the model errs more: in a real repository with two branches."""

import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from digitrec.pipeline.files import write_csv
from tests.conftest import ROOT, Pipeline

SCRIPT = ROOT / ".github/accuracy.py"
LABELS = np.arange(1000) % 10


class Result(NamedTuple):
    """What was printed."""

    stdout: str
    stderr: str


@pytest.fixture
def branches(tmp_path: Path) -> Pipeline:
    """A repository with two branches, and on both a model that errs on each of the first twenty images."""
    project = Pipeline(tmp_path)
    project.run("git", "init", "-q", "-b", "main")
    for key, value in {"user.name": "test", "user.email": "test@example.org", "core.hooksPath": ""}.items():
        project.run("git", "config", key, value)
    predict(project, range(20))
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "results")
    project.run("git", "switch", "-qc", "change")
    return project


def predict(project: Pipeline, wrong: Sequence[int], labels: np.ndarray = LABELS) -> None:
    """Write the answers of a model that takes these images for the next class."""
    rows = [
        {"index": index, "label": f"{label}", "predicted": f"{(label + (index in wrong)) % 10}"}
        for index, label in enumerate(labels)
    ]
    write_csv(project.folder / "plots/predictions.csv", rows, list(rows[0]))


@pytest.fixture
def check(branches: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable:
    """A function that runs the script in this process, which has the libraries loaded: what it prints where."""
    monkeypatch.chdir(branches.folder)
    monkeypatch.syspath_prepend(SCRIPT.parent)

    def run(*arguments: str, ok: bool = True) -> Result:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        terminated, status = signal.getsignal(signal.SIGTERM), 0
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as end:
            status = end.code
        signal.signal(signal.SIGTERM, terminated)
        printed = Result(*capsys.readouterr())
        assert (status, printed.stderr.count("\n")) == ((0, 0) if ok else (1, 1)), printed
        return printed

    return run


def test_a_worse_model_is_refused_and_its_digits_are_named(branches: Pipeline, check: Callable) -> None:
    # All nines from 29 on up to 129, and one four.
    predict(branches, [*range(20), *range(29, 130, 10), 34])
    result = check("main", ok=False)
    assert result.stderr == (
        "error: the model became worse: 20 errors in main, 32 now, p = 0.00049, which is below 0.05. "
        "Worse classes, errors: 9 (2 to 13), 4 (2 to 3)\n"
    )
    assert "| all | 20 | 32 | 0 | 12 | 0.00049 |\n| 4 | 2 | 3 | 0 | 1 | 1 |\n| 9 | 2 | 13 | 0 | 11 |" in result.stdout
    assert "Images that only now are wrong: 29 (9 as 0), 34 (4 as 5), 39 (9 as 0)" in result.stdout


def test_an_equal_or_better_model_passes(branches: Pipeline, check: Callable) -> None:
    assert "| all | 20 | 20 | 0 | 0 | 1 |" in check("main").stdout
    predict(branches, [])
    assert "| all | 20 | 0 | 20 | 0 | 1.9e-06 |" in check("main").stdout


def test_what_chance_explains_passes_unless_the_level_is_another(branches: Pipeline, check: Callable) -> None:
    """As many as another machine may change, on both sides, and a few more."""
    predict(branches, [*range(4, 20), *range(100, 110)])
    assert "| all | 20 | 26 | 4 | 10 | 0.18 |" in check("main").stdout
    assert "below 0.2." in check("main", "--level", "0.2", ok=False).stderr


def test_where_nothing_can_be_compared_that_is_said_and_nothing_is_refused(branches: Pipeline, check: Callable) -> None:
    predict(branches, range(500), LABELS[:999])
    assert "The test images are others than in main (999 here, 1,000 there)" in check("main").stdout
    branches.run("git", "rm", "-q", "--cached", "plots/predictions.csv")
    branches.run("git", "commit", "-qm", "no results")
    assert "HEAD has no plots/predictions.csv: there is nothing to compare with" in check("HEAD").stdout


def test_what_is_no_commit_or_no_table_or_not_there_is_one_line(branches: Pipeline, check: Callable) -> None:
    assert check("nowhere", ok=False).stderr.startswith("error: nowhere is no commit that git knows here")
    predictions = branches.folder / "plots/predictions.csv"
    predictions.write_text("index,label\n0,1\n")
    message = check("main", ok=False).stderr
    assert message.startswith(
        "error: plots/predictions.csv: expected a table with a row an image and the columns label"
    )
    predictions.unlink()
    assert "run `dvc repro evaluate`" in check("main", ok=False).stderr
