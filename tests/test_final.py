import json
from pathlib import Path

import numpy as np
import pytest

from digitrec.final import CURVES, HISTORY_COLUMNS, resolve_settings, train_final
from digitrec.params import Params, load_params
from tests.tiny import ROOT, same_weights, some_digits

IMAGES, LABELS = some_digits(200)
BEST = {"lr": 0.002, "batch_size": 32, "max_epochs": 15, "optimizer": "rmsprop", "hidden_1": 16, "hidden_2": 8}
STATISTICS = {"mean": 0.3, "std": 0.35, "n_images": 200}


def _params(**changes: object) -> Params:
    return load_params(ROOT / "params.yaml").model_copy(update={"model": "mlp", "dataset": "digits"} | changes)


def test_auto_takes_the_searchs_winner() -> None:
    settings = resolve_settings(_params(), BEST, STATISTICS)
    assert {key: settings[key] for key in ("lr", "batch_size", "max_epochs", "optimizer")} == {
        "lr": 0.002,
        "batch_size": 32,
        "max_epochs": 15,
        "optimizer": "rmsprop",
    }
    assert settings["architecture"] == {"hidden_1": 16, "hidden_2": 8}
    assert (settings["mean"], settings["std"], settings["seed"]) == (0.3, 0.35, 0)
    assert settings["recipe"]["schedule"] == "one_cycle"
    json.dumps(settings, allow_nan=False)


@pytest.mark.parametrize(("key", "value"), [("lr", 0.1), ("batch_size", 8), ("max_epochs", 1), ("optimizer", "sgd")])
def test_a_value_overrides_the_winner_and_nothing_else(key: str, value: object) -> None:
    automatic = resolve_settings(_params(), BEST, STATISTICS)
    assert resolve_settings(_params(**{key: value}), BEST, STATISTICS) == automatic | {key: value}


def _train(folder: Path, seed: int = 0, images: np.ndarray = IMAGES, **settings: object) -> tuple:
    resolved = resolve_settings(_params(seed=seed, max_epochs=2), BEST, STATISTICS) | settings
    return train_final(resolved, images, LABELS, "cpu", folder / "cache")


def test_the_final_training_keeps_its_state_and_has_a_full_history(tmp_path: Path) -> None:
    classifier, state = _train(tmp_path)
    assert list((tmp_path / "cache").iterdir()) == [state]
    assert [row["epoch"] for row in classifier.history] == [1, 2]
    assert all(key in row for row in classifier.history for key in HISTORY_COLUMNS)
    # Validation images were held out.
    assert (classifier.history[-1]["valid_accuracy"] * 20) % 1 == pytest.approx(0, abs=1e-9)


def test_the_same_training_goes_on_from_its_state_and_a_new_one_gives_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    first, state = _train(tmp_path)
    again, _ = _train(tmp_path)
    assert "going on after epoch 2 of 2" in capsys.readouterr().out
    state.unlink()
    anew, _ = _train(tmp_path)
    assert "going on" not in capsys.readouterr().out
    assert same_weights(first, again)
    assert same_weights(first, anew)


def test_the_state_of_another_training_is_not_picked_up(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = IMAGES.copy()
    other[0, 0, 0] ^= 1
    states = {
        _train(tmp_path)[1],
        _train(tmp_path, seed=1)[1],
        _train(tmp_path, lr=0.001)[1],
        _train(tmp_path, images=other)[1],
        _train(tmp_path, architecture={"hidden_1": 9, "hidden_2": 8})[1],
    }
    assert len(states) == 5
    assert "going on" not in capsys.readouterr().out


def test_live_curves_are_logged_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = resolve_settings(_params(max_epochs=1), BEST, STATISTICS)
    train_final(settings, IMAGES, LABELS, "cpu", tmp_path / "cache", live=tmp_path / "live")
    assert {path.stem for path in (tmp_path / "live/plots/metrics").rglob("*.tsv")} == set(CURVES)
