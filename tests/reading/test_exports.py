import subprocess
from pathlib import Path

import pytest

from digitrec.reading.exports import PRETRAINED, PROJECTS, commit_of, model_folder


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_a_projects_own_model_goes_before_the_pretrained_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_folder() == PRETRAINED
    assert (PRETRAINED / "model.onnx").is_file()
    (tmp_path / PROJECTS).mkdir(parents=True)
    assert model_folder() == PROJECTS


def test_the_commit_is_the_last_one_that_changed_the_model(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    folder = tmp_path / "data/export"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text("1")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "model")
    commit = _git(tmp_path, "log", "-1", "--format=%h")
    (tmp_path / "notes").write_text("later")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "notes")
    assert commit_of(folder) == commit
    (folder / "model.onnx").write_text("2")
    assert commit_of(folder) == f"{commit} and changes that are not committed"


def test_where_nothing_tells_there_is_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path / "nowhere") is None
