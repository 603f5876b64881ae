"""What the checks let through, every stage can do: small datasets and parameters that hypothesis thinks of."""

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.any_data import ENDING, PICTURES, Pictures, changes, run_all

NOISE = Pictures([5, 5], 8, 8, 1, "noise", 0)
# The least that a pipeline can be: two classes of five pictures, four of each for training, two to hold out.
LEAST: dict[str, Any] = {
    "dataset": "folder",
    "model": "mlp",
    "recipe": "paper",
    "batch_size": 1,
    "max_epochs": 1,
    "recipes": {"paper": {"valid_fraction": 0.25}},
    "search": {
        "cv": 2,
        "min_images": 1,
        "max_images": 4,
        "space": {"lr": [0.001], "max_epochs": [1], "batch_size": [1], "optimizer": ["adam"]},
        "architectures": {"mlp": {"hidden_1": [4], "hidden_2": [4]}},
    },
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVCLive looks for a repository from the current folder on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITREC_JOBS", "1")


@pytest.mark.slow
@pytest.mark.parametrize("side", [1, 8])
def test_the_least_dataset_goes_through_all_stages(tmp_path: Path, side: int) -> None:
    assert run_all(tmp_path, NOISE, LEAST | {"folder": {"height": side, "width": side}}, ENDING) == ""


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True)
@given(PICTURES, changes(("mlp", "shah"), ("paper", "modern", "photographs", "robust")))
def test_what_is_not_refused_before_the_training_goes_through_all_stages(
    pictures: Pictures, changed: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_all(Path(folder), pictures, changed)


@pytest.mark.parametrize(
    ("pictures", "changed", "expected"),
    [
        (Pictures([6], 8, 8, 1, "noise", 0), {}, "download: .*holds one class, 'class 0'; expected two or more"),
        (Pictures([6, 2], 8, 8, 1, "noise", 0), {}, "download: .*class 'class 1': has too few pictures, 1 to train"),
        (NOISE, {"recipes": {"paper": {"valid_fraction": 0.1}}}, "download: .*valid_fraction: got 0.1, which of 8"),
        (NOISE, {"model": "wang", "search": LEAST["search"] | {"architectures": {}}}, "gridsearch: .*needs images of"),
        (
            Pictures([5, 5], 16, 16, 1, "noise", 0),
            {"model": "resnet18"},
            r"gridsearch: .*batch_size: got 1, but 'resnet18' normalizes each batch",
        ),
    ],
    ids=["one class", "too few for the folds", "none to validate", "too small", "batches of one"],
)
def test_what_cannot_be_is_refused_before_the_training(
    tmp_path: Path, pictures: Pictures, changed: dict[str, Any], expected: str
) -> None:
    found = " ".join(run_all(tmp_path, pictures, LEAST | changed).split())
    assert re.match(expected, found), found
