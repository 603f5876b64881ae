import json

import pytest

from digitrec.final import resolve_settings
from digitrec.params import Params, load_params
from tests.tiny import ROOT

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
