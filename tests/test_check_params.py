"""Mistakes in the parameters are told before DVC clears anything away."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Pipeline, prepare


@pytest.fixture
def fresh(tmp_path: Path) -> Pipeline:
    """A pipeline with nothing run but for a checkpoint that should stay."""
    overrides = tmp_path / "overrides.yaml"
    overrides.write_text(yaml.safe_dump({"dataset": "digits", "reproduction": {}}))
    pipeline = prepare(tmp_path / "project", overrides)
    for folder in ("data/checkpoints", "reproduction/data/systems/okon"):
        (pipeline.folder / folder).mkdir(parents=True)
        (pipeline.folder / folder / "kept").write_text("kept")
    return pipeline


def _set(*keys: str, to: object) -> Callable[[dict], None]:
    def change(params: dict) -> None:
        for key in keys[:-1]:
            params = params[key]
        params[keys[-1]] = to

    return change


# What DVC would meet first: files that are not there, parameters that are missing; and what no stage could know.
MISTAKES = {
    "model": (_set("model", to="mnistnett"), "model: got 'mnistnett', expected one of best, fast, ", "'mnistnet'?"),
    "dataset": (_set("dataset", to="minst"), "dataset: got 'minst', expected one of cifar10, ", "'mnist'?"),
    "recipe": (_set("recipe", to="modrn"), "recipe: got 'modrn', expected one of drawings, modern, ", "'modern'?"),
    "baseline": (_set("baselines", to=["knnn"]), "baselines[0]: got 'knnn', expected one of decision_tree, ", "'knn'?"),
    "no baselines": (_set("baselines", to="knn"), "baselines: got 'knn', expected a list of one or more", ""),
    "unknown key": (_set("batchsize", to=3), "batchsize: is no known key", "'batch_size'?"),
    "lr": (_set("lr", to=-1), "lr: got -1, expected a number > 0 or 'auto'", ""),
    "folder": (_set("folder", "path", to="data/nowhere"), "folder.path: got 'data/nowhere', expected a folder", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_by_the_first_stage_and_nothing_is_lost(fresh: Pipeline, mistake: str) -> None:
    change, message, hint = MISTAKES[mistake]
    fresh.change_params(change)
    result = fresh.run("dvc", "repro", ok=False)
    said = result.stdout + result.stderr
    assert message in said
    assert hint in said
    assert "Traceback" not in said
    assert "Running stage 'check-params'" in said
    assert said.count("Running stage") == 1
    assert (fresh.folder / "data/checkpoints/kept").exists()


@pytest.mark.slow
def test_mistakes_in_what_is_reproduced_are_told_first_too(fresh: Pipeline) -> None:
    path = fresh.folder / "reproduction/params.yaml"
    params = yaml.safe_load(path.read_text())
    params["systems"]["okon"] |= {"model": "mnistnett", "lr": -1}
    path.write_text(yaml.safe_dump(params))
    result = fresh.run("dvc", "--cd", "reproduction", "repro", ok=False)
    said = result.stdout + result.stderr
    for text in ("systems.okon.model: got 'mnistnett'", "'mnistnet'?", "systems.okon.lr: got -1", "2 mistakes in"):
        assert text in said
    assert said.count("Running stage") == 1
    assert (fresh.folder / "reproduction/data/systems/okon/kept").exists()


def test_what_is_reproduced_wants_the_main_pipelines_data(fresh: Pipeline) -> None:
    result = fresh.run("dvc", "--cd", "reproduction", "repro", ok=False)
    assert "run `make reproduce`, or `dvc repro` in the project's folder first" in result.stdout + result.stderr


@pytest.mark.parametrize("script", ["check_params", "check_systems"])
def test_the_check_waits_for_no_large_library(script: str) -> None:
    code = f"import sys, runpy; runpy.run_path('{ROOT}/stages/{script}.py'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "sklearn", "scipy", "PIL", "matplotlib"} & set(loaded)
