from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from digitrec.data.dataset import ImageDataset, write_dataset
from digitrec.errors import DigitrecError
from digitrec.pipeline.files import read_array, write_array
from digitrec.reproduction.runs import Data, image_losses, measurement, run_seed, run_system
from digitrec.reproduction.systems import Shorten, System
from digitrec.spec import Recipe
from tests.killing import one_worker_killed
from tests.tiny import all_digits

WHOLE = Shorten(max_epochs=100, max_images=60_000, max_seeds=5)
SYSTEM = System(
    model="mlp",
    architecture={"hidden_1": 16, "hidden_2": 8},
    lr=0.05,
    max_epochs=3,
    batch_size=32,
    optimizer="sgd",
    mean=0.0,
    std=1.0,
    recipe=Recipe(valid_fraction=0.25, momentum=0.9),
    seeds=[3, 1],
)


@pytest.fixture
def data(tmp_path: Path) -> Data:
    spec, *train_and_test = all_digits()
    arrays = [array[:n] for array, n in zip(train_and_test, (400, 400, 100, 100), strict=True)]
    write_dataset(tmp_path, ImageDataset(spec, *arrays))
    return Data(spec.image, tmp_path / "train", tmp_path / "test", 400)


def _run(data: Data, folder: Path, system: System = SYSTEM, shorten: Shorten = WHOLE, seed: int = 3) -> tuple:
    return run_seed("x", system, shorten, seed, data, folder, "cpu", 1)


def test_a_run_is_scored_after_each_epoch_and_at_the_end(data: Data, tmp_path: Path) -> None:
    run, probabilities, seconds = _run(data, tmp_path / "cache")
    assert [row["epoch"] for row in run["history"]] == [1, 2, 3]
    assert probabilities.shape == (100, 10)
    labels = data.test_arrays()[1]
    accuracy = float((probabilities.argmax(1) == labels).mean())
    assert run["test"]["accuracy"] == run["history"][-1]["test_accuracy"] == accuracy > 0.3
    # The history's loss is that of the last weights.
    losses = -np.log(probabilities[np.arange(100), labels])
    assert run["history"][-1]["test_loss"] == pytest.approx(losses.mean(), rel=1e-4)
    assert run["loss_sd"] == pytest.approx(losses.std(ddof=1), rel=1e-4)
    assert np.trace(run["confusion"]) == 100 * accuracy
    assert 0 < seconds < 60


def test_a_finished_run_is_taken_again_and_an_interrupted_one_goes_on_with_its_test_scores(
    data: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    first = _run(data, tmp_path / "cache")
    assert "x, seed 3: epoch 3 of 3" in capsys.readouterr().out
    again = _run(data, tmp_path / "cache")
    assert "epoch 3 of 3" not in capsys.readouterr().out.replace("going on after epoch 3 of 3", "")
    assert again[0] == first[0]
    assert again[2] == first[2]
    np.testing.assert_array_equal(again[1], first[1])


def test_a_finished_run_is_not_taken_for_one_that_was_scored_on_other_test_images(data: Data, tmp_path: Path) -> None:
    first, _, _ = _run(data, tmp_path / "cache")
    write_array(data.test / "labels.npy", (read_array(data.test / "labels.npy") + 1) % 10)
    other, _, _ = _run(data, tmp_path / "cache")
    assert [row["train_loss"] for row in other["history"]] == [row["train_loss"] for row in first["history"]]
    assert other["history"][-1]["test_accuracy"] == other["test"]["accuracy"] < first["test"]["accuracy"]


def test_without_a_validation_split_all_images_train(data: Data, tmp_path: Path) -> None:
    system = SYSTEM.model_copy(update={"recipe": Recipe()})
    run, _, _ = _run(data, tmp_path / "cache", system)
    assert not any("valid_loss" in row for row in run["history"])
    result = measurement("x", system, WHOLE, data, [run])
    assert (result["n_train"], result["n_valid"], result["n_test"]) == (400, 0, 100)


@pytest.mark.parametrize("loss_input", ["logits", "softmax"])
def test_image_losses_are_torchs_cross_entropy(loss_input: str) -> None:
    logits = torch.randn(50, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    labels = torch.arange(50) % 10
    given = logits.softmax(1) if loss_input == "softmax" else logits
    expected = torch.nn.functional.cross_entropy(given, labels, reduction="none")
    found = image_losses(logits.numpy(), labels.numpy(), loss_input)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-9)


@pytest.mark.slow
def test_seeds_run_side_by_side_and_come_in_their_order(data: Data, tmp_path: Path) -> None:
    runs = run_system("x", SYSTEM, WHOLE, data, tmp_path / "cache", "cpu", 2)
    assert [run["seed"] for run, _, _ in runs] == [3, 1]
    assert runs[0][0] == _run(data, tmp_path / "other")[0]
    assert runs[0][0]["test"] != runs[1][0]["test"]


@pytest.mark.slow
def test_a_run_whose_process_is_killed_is_one_message(data: Data, tmp_path: Path) -> None:
    system = SYSTEM.model_copy(update={"max_epochs": 500})
    with (
        one_worker_killed(),
        pytest.raises(DigitrecError, match="a process that was training was killed, perhaps for want of memory"),
    ):
        run_system("x", system, Shorten(max_epochs=500, max_images=400, max_seeds=2), data, tmp_path, "cpu", 2)


def test_a_system_without_seeds_has_no_runs_and_still_its_size(data: Data, tmp_path: Path) -> None:
    system = SYSTEM.model_copy(update={"seeds": []})
    assert run_system("x", system, WHOLE, data, tmp_path / "cache", "cpu", 1) == []
    result = measurement("x", system, WHOLE, data, [])
    assert result["runs"] == []
    assert result["n_parameters"] == 785 * 16 + 17 * 8 + 9 * 10


def test_shortening_cuts_epochs_images_and_seeds_and_is_marked(data: Data, tmp_path: Path) -> None:
    shorten = Shorten(max_epochs=2, max_images=200, max_seeds=1)
    short = replace(data, max_images=shorten.max_images)
    runs = run_system("x", SYSTEM, shorten, short, tmp_path / "cache", "cpu", 1)
    result = measurement("x", SYSTEM, shorten, short, [run for run, _, _ in runs])
    assert [len(run["history"]) for run in result["runs"]] == [2]
    assert (result["epochs"], result["published_epochs"], result["shortened"]) == (2, 3, True)
    assert (result["n_train"], result["n_valid"]) == (150, 50)
    assert measurement("x", SYSTEM, WHOLE, data, [])["shortened"] is False
