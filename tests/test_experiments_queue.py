"""Queued experiments, two at a time, with the real DVC in a real repository."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Pipeline

EXPERIMENTS = {"other-seed": {"seed": 1}, "other-model": {"model": "mlp"}}


@pytest.fixture
def repository(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The finished pipeline under git."""
    pipeline.put_under_git()
    yield pipeline
    pipeline.run("dvc", "queue", "stop", "--kill")


def _alone(repository: Pipeline, folder: Path, changes: dict) -> Pipeline:
    pipeline = repository.copy(folder)
    pipeline.change_params(lambda params: params.update(changes))
    pipeline.printed_by("gridsearch")
    return pipeline


@pytest.mark.timeout(900)
def test_queued_experiments_give_what_they_give_alone_and_overwrite_nothing(
    repository: Pipeline, tmp_path: Path
) -> None:
    alone = {name: _alone(repository, tmp_path / name, changes) for name, changes in EXPERIMENTS.items()}
    journal = repository.folder / "data/cache/gridsearch.jsonl"
    before = repository.snapshot(), journal.read_bytes()

    for name, changes in EXPERIMENTS.items():
        settings = [part for key, value in changes.items() for part in ("-S", f"{key}={value}")]
        repository.run("dvc", "exp", "run", "--queue", "--name", name, *settings, "gridsearch")
    repository.run("dvc", "queue", "start", "--jobs", "2")
    end = time.monotonic() + 600
    while (status := repository.run("dvc", "queue", "status").stdout).count("Success") < len(EXPERIMENTS):
        assert "Failed" not in status, repository.run("dvc", "queue", "logs", "other-seed").stdout
        assert time.monotonic() < end, status
        # Asking takes a second of a core itself.
        time.sleep(4)

    commit = json.loads(repository.run("dvc", "exp", "show", "--json").stdout)[1]
    shown = {experiment["name"]: experiment["revs"][0] for experiment in commit["experiments"]}
    assert shown.keys() == EXPERIMENTS.keys()
    for name, pipeline in alone.items():
        metrics = json.loads((pipeline.folder / "metrics/gridsearch.json").read_text())
        assert shown[name]["data"]["metrics"]["metrics/gridsearch.json"]["data"] == metrics
        table = repository.run("git", "show", f"{shown[name]['rev']}:plots/gridsearch.csv").stdout
        assert table == (pipeline.folder / "plots/gridsearch.csv").read_text()
    assert (repository.snapshot(), journal.read_bytes()) == before
    assert repository.run("git", "status", "--porcelain").stdout == ""
