import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from digitrec.data.split import validation_split
from digitrec.errors import CheckpointError
from digitrec.evaluation.inference import predict_probabilities
from digitrec.spec import DatasetSpec, Normalization, TrainingSpec
from digitrec.training.checkpoints import _sha256, load_checkpoint, save_checkpoint
from digitrec.training.fit import fit
from digitrec.training.network import build_network
from tests.tiny import (
    COLOUR,
    DATASET,
    PAPER,
    SMALL_MNISTNET,
    small_classifier,
    small_training,
    some_colours,
    some_digits,
)

IMAGES, LABELS = some_digits(200)
TRAINING = small_training("mnistnet", recipe=PAPER)
ROWS = np.array([3, 5, 198])
FILES = ["final.json", "final.safetensors", "final_valid_rows.npy"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "final.safetensors"
    torch.manual_seed(0)
    save_checkpoint(path, small_classifier("mnistnet", recipe=PAPER).initialize().module_, DATASET, TRAINING, ROWS)
    return path


def _change_description(path: Path, change: Callable[[dict], object]) -> None:
    """Change what is said of a network, and the checksum with it where that can be read."""
    file = path.with_suffix(".json")
    description = json.loads(file.read_text())
    change(description)
    with contextlib.suppress(ValidationError):
        about = DatasetSpec.model_validate(description["dataset"]), TrainingSpec.model_validate(description["training"])
        description["sha256"] = _sha256(path.read_bytes(), ROWS, *about)
    file.write_text(json.dumps(description))


def _message(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    text = str(caught.value)
    assert text.startswith(str(path.with_suffix("")))
    assert text.endswith(f"Remove {path.with_suffix('')}* and run `dvc repro` to have it anew.")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("model", ["mnistnet", "lenet5", "mlp", "fast"])
def test_a_network_comes_back_with_the_same_predictions(tmp_path: Path, model: str) -> None:
    training = small_training(model, recipe=PAPER, max_epochs=1)
    classifier = small_classifier(model, recipe=PAPER, max_epochs=1).fit(IMAGES, LABELS)
    path = tmp_path / "final.safetensors"
    save_checkpoint(path, classifier.module_, DATASET, training, ROWS)
    loaded = load_checkpoint(path)
    before, after = classifier.module_.state_dict(), loaded.network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    found = predict_probabilities(loaded.network, IMAGES)
    np.testing.assert_allclose(found, classifier.predict_proba(IMAGES), atol=1e-6)
    np.testing.assert_array_equal(found, predict_probabilities(classifier.module_.eval(), IMAGES))
    assert (loaded.training, loaded.dataset) == (training, DATASET)
    np.testing.assert_array_equal(loaded.valid_rows, ROWS)
    assert not loaded.network.training


def test_a_network_for_colour_images_comes_back_with_its_classes(tmp_path: Path) -> None:
    dataset = DatasetSpec(name="folder", title="Tiere, \u52d5\u7269", licence="unknown", image=COLOUR)
    training = small_training(normalization=Normalization(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.2)))
    network = build_network(training.model, training.architecture, COLOUR, training.normalization).eval()
    path = tmp_path / "final.safetensors"
    save_checkpoint(path, network, dataset, training, ROWS)
    loaded = load_checkpoint(path)
    assert loaded.dataset.image.classes == ("cat", "dog", "Elch")
    assert (loaded.training, loaded.dataset) == (training, dataset)
    images, _ = some_colours(20)
    np.testing.assert_array_equal(predict_probabilities(loaded.network, images), predict_probabilities(network, images))


def test_rows_that_were_held_out_are_saved_and_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    rows = []
    for folder, seed in (("first", 0), ("second", 0), ("third", 1)):
        training, path = small_training(max_epochs=1, seed=seed), tmp_path / folder / "final.safetensors"
        split = validation_split(LABELS, training.recipe.valid_fraction, training.seed)
        given = (training, DATASET.image, IMAGES, LABELS, "cpu", tmp_path / "cache")
        classifier, _ = fit(*given, verbose=0, split=split)
        save_checkpoint(path, classifier.module_, DATASET, training, split[1])
        loaded = load_checkpoint(path)
        rows.append(loaded.valid_rows)
        # They are the images that the history's last score is of.
        right = predict_probabilities(loaded.network, IMAGES[rows[-1]]).argmax(1) == LABELS[rows[-1]]
        assert right.mean() == pytest.approx(classifier.history[-1]["valid_accuracy"])
    assert len(rows[0]) == 40
    np.testing.assert_array_equal(rows[0], rows[1])
    assert (rows[0] != rows[2]).any()
    files = [(tmp_path / folder / "final_valid_rows.npy").read_bytes() for folder in ("first", "second")]
    assert files[0] == files[1]


def test_the_normalization_in_the_file_is_used(path: Path) -> None:
    before = predict_probabilities(load_checkpoint(path).network, IMAGES)
    other = {"mean": [0.1], "std": [0.9]}
    _change_description(path, lambda description: description["training"].update(normalization=other))
    loaded = load_checkpoint(path)
    assert loaded.training.normalization == Normalization(mean=0.1, std=0.9)
    assert not np.array_equal(predict_probabilities(loaded.network, IMAGES), before)


def test_the_weights_are_plain_safetensors_and_the_rest_is_json(path: Path) -> None:
    assert set(load_file(path)) == set(small_classifier("mnistnet").initialize().module_.layers.state_dict())
    description = json.loads(path.with_suffix(".json").read_text())
    assert description["training"] == TRAINING.model_dump(mode="json")
    assert description["dataset"] == DATASET.model_dump(mode="json")
    assert description["training"]["architecture"] == SMALL_MNISTNET
    assert sorted(file.name for file in path.parent.iterdir()) == FILES


def test_the_same_network_gives_the_same_bytes(path: Path) -> None:
    other = path.parent / "again" / "final.safetensors"
    save_checkpoint(other, *load_checkpoint(path))
    for name in FILES:
        assert (other.parent / name).read_bytes() == (path.parent / name).read_bytes()


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_weights_cut_short_are_refused(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    assert "its SHA-256, with the files beside it, is not the one in final.json: one was cut short" in _message(path)


@pytest.mark.parametrize("name", FILES)
def test_a_bit_that_flipped_is_noticed(path: Path, name: str) -> None:
    file, rng = path.parent / name, np.random.default_rng(0)
    content = file.read_bytes()
    for position in [len(content) - 3, *rng.integers(len(content), size=30)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with contextlib.suppress(CheckpointError):
            loaded = load_checkpoint(path)
            # What fills up an array's header means nothing.
            assert name == "final_valid_rows.npy"
            np.testing.assert_array_equal(loaded.valid_rows, ROWS)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(path: Path, name: str) -> None:
    (path.parent / name).unlink()
    text = _message(path)
    assert "cannot be read" in text
    assert name in text


@pytest.mark.parametrize("content", ["", "{", "not json"])
def test_a_damaged_description_is_refused(path: Path, content: str) -> None:
    path.with_suffix(".json").write_text(content)
    assert "is damaged" in _message(path)


def test_rows_that_are_no_array_are_refused(path: Path) -> None:
    (path.parent / "final_valid_rows.npy").write_bytes(b"no array")
    text = _message(path)
    assert "final_valid_rows.npy is damaged" in text


def test_everything_that_a_description_lacks_or_has_wrong_is_named(path: Path) -> None:
    def change(description: dict) -> None:
        del description["dataset"]["image"]
        del description["training"]["model"]
        description["training"]["recipe"]["schedule"] = "none"
        description["training"]["lr"] = -1

    _change_description(path, change)
    text = _message(path)
    assert "final.json: describes no network (" in text
    for key in ("dataset.image", "training.model", "training.recipe.schedule", "training.lr"):
        assert f"{key}: " in text


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_a_description_that_is_no_mapping_is_refused(path: Path, content: str) -> None:
    path.with_suffix(".json").write_text(content)
    assert "final.json: describes no network" in _message(path)


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
    _change_description(path, lambda description: description["training"].update(changes))
    text = _message(path)
    assert "does not fit the network" in text
    assert word in text


def test_weights_for_other_images_are_refused(path: Path) -> None:
    _change_description(path, lambda description: description["dataset"]["image"].update(classes=["a", "b"]))
    assert "size mismatch" in _message(path)
