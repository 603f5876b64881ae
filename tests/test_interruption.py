"""Real stages are killed in the middle: nothing half-written, and the next run goes on to the same bytes."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import Pipeline

EPOCHS = 20


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the stage did not get that far"
        time.sleep(0.02)


def _long_training(params: dict) -> None:
    params["max_epochs"] = EPOCHS


def _long_search(params: dict) -> None:
    params["search"]["space"] |= {"max_epochs": [12], "batch_size": [8]}


@pytest.fixture(scope="session")
def undisturbed(finished: Pipeline, once: Callable) -> Callable[[str], Pipeline]:
    """What the same stage, gridsearch or train_final, gives when nothing happens."""

    def twin(name: str) -> Pipeline:
        def build(folder: Path) -> None:
            pipeline = finished.copy(folder / "project")
            pipeline.change_params(_long_search if name == "gridsearch" else _long_training)
            pipeline.printed_by(name)

        return Pipeline(once(f"undisturbed-{name}", build) / "project")

    return twin


def _clear_outputs(pipeline: Pipeline, *paths: str) -> None:
    """As DVC does before it runs a stage."""
    for path in paths:
        target = pipeline.folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()


TRAINING_OUTPUTS = ("data/checkpoints", "metrics/train_final.json", "plots/history.csv", "plots/live/plots/metrics")
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}


# Stages heed signals by the same lines of code, so SIGINT goes to this one alone and SIGTERM to the other.
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_killed_training_goes_on_after_its_last_epoch(
    pipeline: Pipeline, undisturbed: Callable[[str], Pipeline], kind: signal.Signals
) -> None:
    pipeline.change_params(_long_training)
    expected = undisturbed("train_final").snapshot()
    _clear_outputs(pipeline, *TRAINING_OUTPUTS)
    states = pipeline.folder / "data/cache/train_final"
    process = pipeline.start("python", "stages/train_final.py")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.split()[:1] == ["5"]:
            os.kill(process.pid, kind)
            break
    rest = process.stdout.read()
    assert process.wait() == STATUS[kind]
    assert "Traceback" not in rest
    assert not (pipeline.folder / "data/checkpoints").exists()
    assert not (pipeline.folder / "metrics/train_final.json").exists()
    assert len(list(states.glob("*.pt"))) == 1

    again = pipeline.printed_by("train_final")
    assert "going on after epoch" in again
    done = int(again.split("going on after epoch ")[1].split()[0])
    assert 5 <= done < EPOCHS
    # One line an epoch: the finished ones are not trained again.
    numbers = [int(line.split()[0]) for line in again.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    assert numbers == list(range(done + 1, EPOCHS + 1))
    assert pipeline.snapshot() == expected
    assert not list(states.glob("*.pt"))


def _journal_lines(folder: Path) -> int:
    path = folder / "data/cache/gridsearch.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_killed_search_keeps_its_finished_fits(
    pipeline: Pipeline, undisturbed: Callable[[str], Pipeline], kind: signal.Signals
) -> None:
    pipeline.change_params(_long_search)
    expected = undisturbed("gridsearch").snapshot()
    before = _journal_lines(pipeline.folder)
    tables = ("plots/gridsearch.csv", "plots/gridsearch_parallel.csv")
    _clear_outputs(pipeline, "data/gridsearch", "metrics/gridsearch.json", *tables)
    process = pipeline.start("python", "stages/gridsearch.py", DIGITREC_JOBS="2")
    _wait_until(lambda: _journal_lines(pipeline.folder) >= before + 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, kind)
    assert process.wait() == STATUS[kind]
    assert "Traceback" not in process.stdout.read()
    assert not (pipeline.folder / "data/gridsearch").exists()
    # The workers notice that nobody waits for them.
    assert workers
    assert not psutil.wait_procs(workers, timeout=30)[1]
    finished = _journal_lines(pipeline.folder) - before

    again = pipeline.printed_by("gridsearch")
    assert f"{finished} of them in the journal" in again
    assert pipeline.snapshot() == expected
    total = json.loads((pipeline.folder / "metrics/gridsearch.json").read_text())["n_fits"]
    assert _journal_lines(pipeline.folder) - before == total


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_dvc_does_not_take_an_interrupted_stage_for_done(
    pipeline: Pipeline, undisturbed: Callable[[str], Pipeline], kind: signal.Signals
) -> None:
    pipeline.change_params(_long_training)
    process = pipeline.start("dvc", "repro", "train-final")
    for line in process.stdout:
        if line.split()[:1] == ["3"]:
            # Control-C in a terminal reaches DVC and the stage; so would a machine that kills both.
            os.killpg(process.pid, kind)
            break
    process.stdout.read()
    assert process.wait() != 0
    (pipeline.folder / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    assert "train-final" in pipeline.status()
    assert "going on after epoch" in pipeline.run("dvc", "repro", "train-final").stdout
    assert pipeline.snapshot() == undisturbed("train_final").snapshot()
    assert "train-final" not in pipeline.status()


@pytest.mark.parametrize(
    ("stage", "arguments", "outputs"),
    [
        ("download", (), ("data/train", "data/test")),
        ("normalize_stats", (), ("metrics/normalize_stats.json",)),
        ("evaluate", (), ("data/final", "metrics/evaluate.json", "plots/confusion.csv", "plots/predictions.csv")),
        ("fit_baseline", (), ("data/baselines",)),
        ("compare_baselines", (), ("metrics/compare_baselines.json", "plots/compare_baselines.csv")),
        ("draw_data", (), ("plots/samples.png", "plots/explore_means.png")),
    ],
)
def test_a_stage_killed_while_it_writes_leaves_only_whole_files(
    pipeline: Pipeline, stage: str, arguments: tuple[str, ...], outputs: tuple[str, ...]
) -> None:
    expected = pipeline.snapshot()
    _clear_outputs(pipeline, *outputs)
    process = pipeline.start("python", f"stages/{stage}.py", *arguments)
    first = pipeline.folder / outputs[0]
    _wait_until(first.exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = {name: content for name, content in pipeline.snapshot().items() if not name.endswith(".tmp")}
    assert all(expected[name] == content for name, content in left.items())
    pipeline.printed_by(stage, *arguments)
    assert pipeline.snapshot() == expected
