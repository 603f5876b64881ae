import inspect
from pathlib import Path

import numpy as np
import pytest

from digitrec.data.split import validation_split
from digitrec.errors import ParamsError, TrainingDiverged
from digitrec.models import mlp
from digitrec.pipeline import fingerprint
from digitrec.spec import Hardening, ImageSpec, Normalization, Recipe, TrainingSpec
from digitrec.training import fit as fitting
from digitrec.training import resume
from digitrec.training.fit import CURVES, TRAINING_MODULES, fit
from digitrec.training.hardening import hardening_modules
from digitrec.training.live import DVCLiveCallback
from tests.reach import reached_modules
from tests.tiny import COLOUR, IMAGE, MODERN, PLAIN, ROOT, same_weights, small_training, some_colours, some_digits

IMAGES, LABELS = some_digits(200)
SPLIT = validation_split(LABELS, 0.1, 0)
TRAINING = small_training(recipe=MODERN, lr=0.002, optimizer="rmsprop")


def _fit(folder: Path, **changes: object) -> tuple:
    settings = {"training": TRAINING, "image": IMAGE, "images": IMAGES, "labels": LABELS, "device": "cpu"}
    return fit(**(settings | {"resume_folder": folder / "cache", "split": SPLIT} | changes))


def test_a_training_keeps_its_state_and_has_a_full_history(tmp_path: Path) -> None:
    classifier, state = _fit(tmp_path)
    assert list((tmp_path / "cache").iterdir()) == [state]
    assert [row["epoch"] for row in classifier.history] == [1, 2]
    assert all(key in row for row in classifier.history for key in CURVES)
    # Validation images were held out.
    assert (classifier.history[-1]["valid_accuracy"] * 20) % 1 == pytest.approx(0, abs=1e-9)
    assert (classifier.history[-1]["train_accuracy"] * 180) % 1 == pytest.approx(0, abs=1e-9)


def test_without_a_split_it_trains_on_all_images(tmp_path: Path) -> None:
    classifier, _ = _fit(tmp_path, split=None)
    assert "valid_accuracy" not in classifier.history[-1]
    assert (classifier.history[-1]["train_accuracy"] * 200) % 1 == pytest.approx(0, abs=1e-9)


def test_batches_of_one_image_are_refused_where_a_map_would_come_to_one_value(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"batch_size: got 1, but 'resnet18' .* expected 2 or more"):
        _fit(tmp_path, training=small_training("resnet18", batch_size=1))
    _fit(tmp_path, training=small_training("fast", batch_size=1, max_epochs=1))


@pytest.mark.slow
def test_an_image_that_is_left_over_is_not_trained_on_alone(tmp_path: Path) -> None:
    # 180 images, of which 179 make a batch.
    classifier, _ = _fit(tmp_path, training=small_training("resnet18", batch_size=179, max_epochs=1))
    assert np.isfinite(classifier.history[-1]["train_loss"])


def test_colour_images_and_their_classes_are_learned(tmp_path: Path) -> None:
    images, labels = some_colours(60)
    classifier, _ = _fit(
        tmp_path,
        **{"training": small_training(max_epochs=5), "image": COLOUR},
        **{"images": images, "labels": labels.astype(np.uint16), "split": validation_split(labels, 0.2, 0)},
    )
    assert classifier.history[-1]["valid_accuracy"] > 0.8


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


def test_callbacks_see_restored_epochs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("first", "restored"):
        live = DVCLiveCallback(tmp_path / folder, CURVES)
        _fit(tmp_path, callbacks=[("live", live)])
        curves = sorted((tmp_path / folder / "plots/metrics").rglob("*.tsv"))
        assert {path.stem for path in curves} == set(CURVES)
        assert [len(path.read_text().splitlines()) for path in curves] == [3] * 4


def test_a_training_that_diverged_is_told_and_leaves_no_state(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match="in epoch 1 of 2"):
        _fit(tmp_path, training=small_training(lr=1e30))
    assert not (tmp_path / "cache").exists()


def _state_file(**changes: object) -> str:
    """The name of the file that a training's state would be kept in, without the training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "build_classifier", lambda *given, **named: _Untrained())
        return _fit(Path("nowhere"), **changes)[1].name


class _Untrained:
    def fit(self, rows: np.ndarray, labels: np.ndarray) -> None:
        pass


def _of_training(**changes: object) -> dict:
    return {"training": TRAINING.model_copy(update=changes)}


def _of_recipe(**changes: object) -> dict:
    return _of_training(recipe=MODERN.model_copy(update=changes))


def _of_image(**changes: object) -> dict:
    return {"image": IMAGE.model_copy(update=changes)}


def _changed(array: np.ndarray) -> np.ndarray:
    other = array.copy()
    other.flat[-1] ^= 1
    return other


# Of each field of what a training depends on, another value.
TRAININGS = {
    "lr": 0.001,
    "max_epochs": 3,
    "batch_size": 33,
    "optimizer": "sgd",
    "architecture": {"hidden_1": 33, "hidden_2": 16},
    "model": "lenet5",
    "recipe": PLAIN,
    "normalization": Normalization(mean=0.3, std=0.36),
    "seed": 1,
}
RECIPES = {
    "loss_input": "softmax",
    "schedule": "constant",
    "precision": "bfloat16",
    "momentum": 0.5,
    "valid_fraction": 0.2,
    "class_weight": "balanced",
    "rotation": 6.0,
    "scale": 0.1,
    "crop_area": (0.5, 1.0),
    "crop_ratio": (0.5, 1.0),
    "shift": 2.0,
    "flip": 0.5,
    "outside": "edge",
    "interpolation": "nearest",
    "flagged_ones": 0.5,
    "hardening": Hardening(noise=0.1),
}
IMAGE_SPECS = {
    "height": 27,
    "width": 27,
    "channels": 3,
    "classes": tuple("abcdefghij"),
    "preparation": "resize",
}
OTHER_INGREDIENTS = {
    "mean": _of_training(normalization=Normalization(mean=0.4, std=0.35)),
    **{
        f"hardening.{kind}": _of_recipe(hardening=Hardening(noise=0.1, **{kind: 0.2}))
        for kind in Hardening.model_fields
        if kind != "noise"
    },
    "device": {"device": "cuda"},
    "images": {"images": _changed(IMAGES)},
    "images' shape": {"images": IMAGES.reshape(200, 14, 56, 1)},
    "labels": {"labels": _changed(LABELS)},
    "rows to train on": {"split": (SPLIT[0][:-1], SPLIT[1])},
    "their order": {"split": (SPLIT[0][::-1], SPLIT[1])},
    "rows held out": {"split": (SPLIT[0], SPLIT[1][:-1])},
    "no rows held out": {"split": (SPLIT[0], np.array([], np.int64))},
    "no split": {"split": None},
}


def test_every_field_of_the_specifications_has_another_value_below() -> None:
    for spec, values in ((TrainingSpec, TRAININGS), (Recipe, RECIPES), (ImageSpec, IMAGE_SPECS)):
        assert values.keys() == spec.model_fields.keys()


def test_each_ingredient_of_a_training_makes_another_state_file() -> None:
    names = [_state_file()]
    assert _state_file(images=IMAGES.copy(), verbose=0, callbacks=[("none", None)]) == names[0]
    for changes in (
        *(_of_training(**{key: value}) for key, value in TRAININGS.items()),
        *(_of_recipe(**{key: value}) for key, value in RECIPES.items()),
        *(_of_image(**{key: value}) for key, value in IMAGE_SPECS.items()),
        *OTHER_INGREDIENTS.values(),
    ):
        names.append(_state_file(**changes))
        assert names[-1] not in names[:-1], changes


@pytest.mark.parametrize(
    "module", [*TRAINING_MODULES, resume, fitting, mlp], ids=lambda module: module.__name__.removeprefix("digitrec.")
)
def test_the_source_of_each_module_is_an_ingredient(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    before, source = _state_file(), fingerprint._source
    monkeypatch.setattr(fingerprint, "_source", lambda each: source(each) + b"#" * (each is module))
    assert _state_file() != before


@pytest.mark.parametrize("module", hardening_modules(Recipe(hardening=Hardening(adversarial=0.1))))
def test_the_source_of_hardening_is_an_ingredient_where_there_is_hardening(
    monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    hard = _of_recipe(hardening=Hardening(adversarial=0.1))
    before, source = (_state_file(), _state_file(**hard)), fingerprint._source
    monkeypatch.setattr(fingerprint, "_source", lambda each: source(each) + b"#" * (each is module))
    assert _state_file() == before[0]
    assert _state_file(**hard) != before[1]


@pytest.mark.parametrize("library", fingerprint.LIBRARIES)
def test_the_version_of_each_library_is_an_ingredient(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    before, version = _state_file(), fingerprint.version
    monkeypatch.setattr(fingerprint, "version", lambda name: "0.0" if name == library else version(name))
    assert _state_file() != before


# What a training reaches and what yet cannot change its result.
NO_INGREDIENTS = {
    "errors.py": "the words of messages",
    "pipeline/files.py": "how files are written, not what",
    "pipeline/fingerprint.py": "makes the name itself",
}


def test_every_module_that_a_training_reaches_is_an_ingredient() -> None:
    reached = {path.removeprefix("src/digitrec/") for path in reached_modules(Path(inspect.getsourcefile(fitting)))}
    for model in (ROOT / "src/digitrec/models").glob("[a-z]*.py"):
        reached |= {path.removeprefix("src/digitrec/") for path in reached_modules(model)}
    hardened = hardening_modules(Recipe(hardening=Hardening(adversarial=0.1)))
    files = (inspect.getsourcefile(module) for module in (*TRAINING_MODULES, resume, *hardened))
    ingredients = {str(Path(file).relative_to(ROOT / "src/digitrec")) for file in files}
    assert reached - ingredients == NO_INGREDIENTS.keys()
    # The network's own file is one as the chosen model's.
    assert ingredients <= reached


def test_balanced_classes_are_weighed_by_the_images_that_are_trained_on(tmp_path: Path) -> None:
    labels = LABELS.copy()
    rows = np.arange(len(labels))
    # All of class 0 but one are held out.
    zeros = np.flatnonzero(labels == 0)
    split = np.setdiff1d(rows, zeros[1:]), zeros[1:]
    training = small_training(recipe=PLAIN.model_copy(update={"class_weight": "balanced"}), max_epochs=1)
    net, _ = fit(training, IMAGE, IMAGES, labels, "cpu", tmp_path, verbose=0, split=split)
    weights = net.criterion_.weight
    assert float(weights[0]) == pytest.approx(len(split[0]) / 10)
