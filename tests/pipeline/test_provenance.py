"""Git is real, and so is DVC."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from digitrec.errors import DigitrecError
from digitrec.pipeline.provenance import last_recorded, outdated
from tests.conftest import Pipeline


def _git(folder: Path, *command: str, day: str = "2026-01-01") -> str:
    date = f"{day}T12:00:00Z"
    environment = os.environ | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "HOME": str(folder)}
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    run = subprocess.run(["git", *identity, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def _record(folder: Path, **results: str) -> None:
    """A project with the stages download, train-final and evaluate, and a lock file that has results of any."""
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc/config").write_text("")
    stages = {
        name: {"cmd": "run", "outs": [name.replace("-", "_")]} for name in ("download", "train-final", "evaluate")
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    ran = {
        name.replace("_", "-"): {"cmd": "run", "outs": [{"path": name, "md5": 16 * md5}]}
        for name, md5 in results.items()
    }
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": ran}, sort_keys=False))


def test_a_stage_belongs_to_the_commit_that_last_wrote_in_its_entry(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    for day, results in (
        ("2026-02-03", {"download": "aa", "train_final": "bb", "evaluate": "cc"}),
        ("2026-03-04", {"download": "aa", "train_final": "b2", "evaluate": "cc"}),
    ):
        _record(tmp_path, **results)
        _git(tmp_path, "add", "-A")
        _git(tmp_path, "commit", "-qm", "run", day=day)
    second, first = _git(tmp_path, "log", "--format=%h", "--abbrev=7").split()
    _record(tmp_path, download="aa", train_final="b2", evaluate="c3")
    found = last_recorded(tmp_path)
    assert list(found) == ["download", "train-final", "evaluate"]
    assert [(entry.commit, str(entry.day)) for entry in found.values()][:2] == [
        (first, "2026-02-03"),
        (second, "2026-03-04"),
    ]
    assert found["evaluate"].commit is None


def test_what_is_left_of_a_stage_that_there_is_no_more_is_left_out(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    _record(tmp_path, dropped="aa", download="aa")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "run")
    assert list(last_recorded(tmp_path)) == ["download"]


def test_entries_that_are_alike_are_told_apart(tmp_path: Path) -> None:
    def record(day: str, *left: str) -> None:
        """All stages run with other code, and more of it, but for those that are left as they were."""
        ran = {}
        for name in names:
            version, n = ("aa", 30) if day == "2026-02-03" or name in left else ("bb", 35)
            code = [{"path": str(k), "hash": "md5", "md5": f"{version}{k:030x}", "size": k} for k in range(n)]
            ran[name] = {"cmd": f"run {name}", "deps": code}
        (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": ran}, sort_keys=False))
        _git(tmp_path, "add", "-A")
        _git(tmp_path, "commit", "-qm", "run", day=day)

    names = [f"train-{number}" for number in range(40)]
    _git(tmp_path, "init", "-q")
    _record(tmp_path)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {name: {"cmd": f"run {name}"} for name in names}}))
    record("2026-02-03")
    record("2026-03-04", "train-20", "train-23")
    # git blame gives lines of train-23 to the second commit.
    old = [name for name, entry in last_recorded(tmp_path).items() if str(entry.day) == "2026-02-03"]
    assert old == ["train-20", "train-23"]


def test_a_lock_that_git_does_not_know_is_one_message(tmp_path: Path) -> None:
    _record(tmp_path, download="aa")
    with pytest.raises(DigitrecError, match=r"dvc.lock: git knows no history of it"):
        last_recorded(tmp_path)


def test_what_differs_is_outdated_and_what_is_not_there_is_not(pipeline: Pipeline) -> None:
    assert outdated(pipeline.folder) == set()
    shutil.rmtree(pipeline.folder / "data/test")
    assert outdated(pipeline.folder) == set()
    with open(pipeline.folder / "src/digitrec/baselines/knn.py", "a") as file:
        file.write("# changed\n")
    pipeline.change_params(lambda params: params["explore"].update(tsne_images=50))
    assert outdated(pipeline.folder) == {"check-params", "fit-baseline", "robustness", "explore"}
