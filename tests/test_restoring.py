"""What was computed once is never computed again: DVC's run cache, and other clones with the same cache."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Pipeline, stages_run


@pytest.fixture
def twice(changed: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of the pipeline that has run with two settings, the second of which its files are of."""
    return changed.copy(tmp_path / "project")


@pytest.mark.slow
def test_going_back_to_a_setting_restores_every_stage_also_without_the_lock(
    twice: Pipeline, finished: Pipeline, changed: Pipeline
) -> None:
    # DVC's own advice where two branches have changed it.
    (twice.folder / "dvc.lock").unlink()
    for before in (finished, changed, finished):
        shutil.copy(before.folder / "params.yaml", twice.folder)
        printed = twice.run("dvc", "repro").stdout
        assert stages_run(printed) == set()
        assert "is cached - skipping run" in printed
        assert twice.snapshot() == before.snapshot()
        assert (twice.folder / "dvc.lock").read_text() == (before.folder / "dvc.lock").read_text()


@pytest.mark.slow
def test_a_clone_with_the_same_cache_has_all_results_and_nothing_to_do(twice: Pipeline) -> None:
    # What systems and editors leave behind.
    for name in ("data/train/.DS_Store", "data/baselines/Thumbs.db", "data/own/._cat.png", "src/digitrec/a.py~"):
        (twice.folder / name).write_text("left behind")
    assert twice.status() == set()
    twice.run("git", "add", "-A")
    twice.run("git", "commit", "-qm", "another learning rate")

    clone = Pipeline(twice.folder.parent / "clone")
    twice.run("git", "clone", "-q", ".", str(clone.folder))
    clone.run("dvc", "cache", "dir", "--local", str(twice.folder / ".dvc/cache"))
    clone.run("dvc", "checkout")
    assert clone.status() == set()
    assert clone.repro() == set()
    assert clone.run("git", "status", "--porcelain").stdout == ""
