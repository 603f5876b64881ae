import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from digitrec.checkpoints import load_checkpoint, save_checkpoint
from digitrec.errors import CheckpointError
from digitrec.images import Normalization
from tests.tiny import NORMALIZATION, PAPER, SMALL_MNISTNET, same_weights, small_classifier, some_digits

IMAGES, LABELS = some_digits(200)
DESCRIPTION = {
    "model": "mnistnet",
    "architecture": SMALL_MNISTNET,
    "recipe": PAPER.model_dump(),
    "mean": NORMALIZATION.mean,
    "std": NORMALIZATION.std,
    "note": "kept",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "final.safetensors"
    torch.manual_seed(0)
    save_checkpoint(path, small_classifier("mnistnet", recipe=PAPER).initialize().module_, DESCRIPTION)
    return path


def _change_description(path: Path, change: Callable[[dict], object]) -> None:
    file = path.with_suffix(".json")
    description = json.loads(file.read_text())
    change(description)
    file.write_text(json.dumps(description))


def _message(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    text = str(caught.value)
    assert text.startswith(str(path.with_suffix("")))
    assert text.endswith("Run `dvc repro train-final` to make it anew.")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("model", ["mnistnet", "lenet5", "mlp"])
def test_a_network_comes_back_with_the_same_predictions(tmp_path: Path, model: str) -> None:
    architecture = {"mnistnet": SMALL_MNISTNET, "lenet5": {}, "mlp": {"hidden_1": 16, "hidden_2": 8}}[model]
    classifier = small_classifier(model, architecture, recipe=PAPER, max_epochs=1).fit(IMAGES, LABELS)
    path = tmp_path / "final.safetensors"
    save_checkpoint(path, classifier.module_, DESCRIPTION | {"model": model, "architecture": architecture})
    loaded, description = load_checkpoint(path)
    assert same_weights(loaded, classifier)
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), classifier.predict_proba(IMAGES))
    assert loaded.recipe == PAPER
    assert loaded.normalization == NORMALIZATION
    assert description["note"] == "kept"


def test_the_normalization_in_the_file_is_used(path: Path) -> None:
    before = load_checkpoint(path)[0].predict_proba(IMAGES)
    _change_description(path, lambda description: description.update(mean=0.1, std=0.9))
    loaded, _ = load_checkpoint(path)
    assert loaded.normalization == Normalization(0.1, 0.9)
    assert not np.array_equal(loaded.predict_proba(IMAGES), before)


def test_the_weights_are_plain_safetensors_and_the_rest_is_json(path: Path) -> None:
    assert set(load_file(path)) == set(small_classifier("mnistnet").initialize().module_.state_dict())
    assert DESCRIPTION.items() <= json.loads(path.with_suffix(".json").read_text()).items()
    assert sorted(file.name for file in path.parent.iterdir()) == ["final.json", "final.safetensors"]


def test_the_same_network_gives_the_same_bytes(path: Path) -> None:
    other = path.with_name("other.safetensors")
    save_checkpoint(other, load_checkpoint(path)[0].module_, DESCRIPTION)
    assert other.read_bytes() == path.read_bytes()
    assert other.with_suffix(".json").read_bytes() == path.with_suffix(".json").read_bytes()


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_weights_cut_short_are_refused(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    assert "its SHA-256 is not the one in final.json: the file was cut short" in _message(path)


def test_a_bit_that_flipped_is_noticed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert "SHA-256" in _message(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(path: Path, suffix: str) -> None:
    path.with_suffix(suffix).unlink()
    text = _message(path)
    assert "cannot be read" in text
    assert f"final{suffix}" in text


@pytest.mark.parametrize("content", ["", "{", "not json"])
def test_a_damaged_description_is_refused(path: Path, content: str) -> None:
    path.with_suffix(".json").write_text(content)
    assert "is damaged" in _message(path)


def test_missing_keys_are_named(path: Path) -> None:
    _change_description(path, lambda description: [description.pop(key) for key in ("std", "model")])
    assert "final.json: lacks model, std." in _message(path)


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_a_description_that_is_no_mapping_is_refused(path: Path, content: str) -> None:
    path.with_suffix(".json").write_text(content)
    _message(path)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model": "lenet5", "architecture": {}}, "lenet5"),
        ({"model": "no_such_model"}, "no_such_model"),
        ({"model": "mlp"}, "mlp"),
        ({"architecture": SMALL_MNISTNET | {"num_units": 5}}, "size mismatch"),
        ({"architecture": SMALL_MNISTNET | {"depth": 5}}, "depth"),
    ],
)
def test_weights_of_another_network_are_refused(path: Path, changes: dict, word: str) -> None:
    _change_description(path, lambda description: description.update(changes))
    text = _message(path)
    assert "does not fit the network" in text
    assert word in text


def test_a_recipe_that_cannot_be_is_refused(path: Path) -> None:
    _change_description(path, lambda description: description["recipe"].update(schedule="none"))
    assert "recipe" in _message(path)
