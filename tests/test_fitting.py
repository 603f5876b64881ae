from pathlib import Path

import numpy as np
import pytest

from digitrec.fitting import CURVES, fit
from digitrec.live import DVCLiveCallback
from tests.tiny import MODERN, PLAIN, SMALL_MLP, same_weights, some_digits

IMAGES, LABELS = some_digits(200)
SETTINGS = {
    "model": "mlp",
    "architecture": SMALL_MLP,
    "lr": 0.002,
    "batch_size": 32,
    "max_epochs": 2,
    "optimizer": "rmsprop",
    "recipe": MODERN.model_dump(),
    "mean": 0.3,
    "std": 0.35,
    "seed": 0,
}


def _fit(folder: Path, images: np.ndarray = IMAGES, **changes: object) -> tuple:
    return fit(SETTINGS | changes, images, LABELS, "cpu", folder / "cache")


def test_a_training_keeps_its_state_and_has_a_full_history(tmp_path: Path) -> None:
    classifier, state = _fit(tmp_path)
    assert list((tmp_path / "cache").iterdir()) == [state]
    assert [row["epoch"] for row in classifier.history] == [1, 2]
    assert all(key in row for row in classifier.history for key in CURVES)
    # Validation images were held out.
    assert (classifier.history[-1]["valid_accuracy"] * 20) % 1 == pytest.approx(0, abs=1e-9)


def test_a_recipe_without_validation_trains_on_all_images(tmp_path: Path) -> None:
    recipe = PLAIN.model_copy(update={"valid_fraction": 0.0}).model_dump()
    classifier, _ = _fit(tmp_path, recipe=recipe)
    assert "valid_accuracy" not in classifier.history[-1]
    assert (classifier.history[-1]["train_accuracy"] * 200) % 1 == pytest.approx(0, abs=1e-9)


def test_the_same_training_goes_on_from_its_state_and_a_new_one_gives_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    first, state = _fit(tmp_path)
    again, _ = _fit(tmp_path)
    assert "going on after epoch 2 of 2" in capsys.readouterr().out
    state.unlink()
    anew, _ = _fit(tmp_path)
    assert "going on" not in capsys.readouterr().out
    assert same_weights(first, again)
    assert same_weights(first, anew)


def test_the_state_of_another_training_is_not_picked_up(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = IMAGES.copy()
    other[0, 0, 0] ^= 1
    states = {
        _fit(tmp_path)[1],
        _fit(tmp_path, seed=1)[1],
        _fit(tmp_path, lr=0.001)[1],
        _fit(tmp_path, images=other)[1],
        _fit(tmp_path, architecture={"hidden_1": 9, "hidden_2": 8})[1],
    }
    assert len(states) == 5
    assert "going on" not in capsys.readouterr().out


def test_callbacks_see_restored_epochs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("first", "restored"):
        live = DVCLiveCallback(tmp_path / folder, CURVES)
        fit(SETTINGS, IMAGES, LABELS, "cpu", tmp_path / "cache", [("live", live)])
        curves = sorted((tmp_path / folder / "plots/metrics").rglob("*.tsv"))
        assert {path.stem for path in curves} == set(CURVES)
        assert [len(path.read_text().splitlines()) for path in curves] == [3] * 4
