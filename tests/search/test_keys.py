"""A journal's keys hold all that a score depends on: each ingredient, changed in turn, makes another key."""

from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from digitrec.config.section import known_names
from digitrec.pipeline import fingerprint as fingerprint_module
from digitrec.pipeline.files import write_array
from digitrec.search import cells
from digitrec.search.cells import Cell, Problem
from digitrec.search.run import ENGINES
from digitrec.spec import Hardening, Hyperparameters, ImageSpec, Normalization, Recipe
from tests.reach import ROOT, reached_modules
from tests.search.candidates import CANDIDATE
from tests.tiny import IMAGE, NORMALIZATION, PLAIN, small_problem, some_digits

TRAIN, TEST = np.arange(0, 20), np.arange(20, 30)
HARD = PLAIN.model_copy(update={"hardening": Hardening(noise=0.1, adversarial=0.1)})
# What the engines reach and no score depends on, and why.
HARMLESS = {
    "src/digitrec/errors.py": "messages",
    "src/digitrec/pipeline/environment.py": "where fits run, which the kind of device in the key tells",
    "src/digitrec/pipeline/files.py": "reads the arrays that are in the key",
    "src/digitrec/pipeline/fingerprint.py": "makes the key",
    "src/digitrec/pipeline/jobs.py": "ends processes",
    "src/digitrec/search/cluster.py": "where fits run",
    "src/digitrec/pipeline/cluster.py": "where fits run",
    "src/digitrec/search/dispatch.py": "where fits run",
    "src/digitrec/training/fit.py": "names modules; a search does not train by it",
    "src/digitrec/training/resume.py": "a search's fits begin anew",
}


def _key(problem: Problem, engine: str = "skorch", kinds: Iterable[str] = ("cpu",)) -> str:
    return problem.fingerprint(ENGINES[engine].MODULES, list(kinds))


def _all_differ(keys: list[str]) -> bool:
    return len(set(keys)) == len(keys)


def _changed(spec: Any, changes: dict[str, Any]) -> list[Any]:
    """The specification with each of its fields changed in turn."""
    assert changes.keys() == type(spec).model_fields.keys()
    others = [type(spec).model_validate(dict(spec) | {name: value}) for name, value in changes.items()]
    assert all(other != spec for other in others)
    return others


def _other_images() -> list[ImageSpec]:
    changes = {
        "height": 27,
        "width": 27,
        "channels": 3,
        "classes": (*IMAGE.classes[:9], "another"),
        "preparation": "resize",
    }
    return _changed(IMAGE, changes)


def _other_recipes() -> list[Recipe]:
    changes = {
        "loss_input": "softmax",
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "momentum": 0.5,
        "valid_fraction": 0.3,
        "class_weight": "balanced",
        "rotation": 1.0,
        "scale": 0.1,
        "crop_area": [0.5, 1.0],
        "crop_ratio": [0.5, 1.0],
        "shift": 1.0,
        "flip": 0.5,
        "outside": "edge",
        "interpolation": "nearest",
        "flagged_ones": 0.5,
        "hardening": Hardening(noise=0.1),
    }
    hardenings = _changed(HARD.hardening, dict.fromkeys(Hardening.model_fields, 0.2))
    return [*_changed(PLAIN, changes), *(PLAIN.model_copy(update={"hardening": hard}) for hard in hardenings)]


def test_the_key_changes_with_every_setting_of_the_problem(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    problem = small_problem(tmp_path / "a", 30)
    images, labels = some_digits(30)
    images = images.copy()
    images[-1, -1, -1] ^= 1
    write_array(tmp_path / "b/images.npy", images)
    write_array(tmp_path / "b/labels.npy", np.roll(labels, 1).astype(np.uint8))
    changes: dict[str, list] = {
        "images": [tmp_path / "b/images.npy"],
        "labels": [tmp_path / "b/labels.npy"],
        "image": _other_images(),
        "model": ["mnistnet"],
        "recipe": _other_recipes(),
        "normalization": _changed(NORMALIZATION, {"mean": 0.31, "std": 0.36}),
        "seed": [1],
    }
    assert changes.keys() == {field.name for field in fields(Problem)}
    others = [replace(problem, **{name: value}) for name, values in changes.items() for value in values]
    assert _all_differ([_key(each) for each in [problem, *others]])
    colour = replace(problem, normalization=Normalization(mean=[0.3, 0.3, 0.3], std=[0.35, 0.35, 0.35]))
    assert _key(colour) != _key(problem)


def test_the_key_changes_with_the_engine_and_the_kinds_of_device(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, 30)
    kinds = [["cpu"], ["cuda"], ["cpu", "cuda"]]
    assert _all_differ([_key(problem, engine, each) for engine in ENGINES for each in kinds])
    assert _key(problem, kinds=["cuda", "cpu"]) == _key(problem, kinds=["cpu", "cuda"])


def test_the_key_changes_with_the_version_of_every_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = small_problem(tmp_path, 30)
    keys = [_key(problem)]
    # torchvision builds some of the networks.
    libraries = {"numpy", "scikit-learn", "skorch", "torch", "torchvision"}
    version = fingerprint_module.version
    for library in sorted(libraries):
        monkeypatch.setattr(
            fingerprint_module, "version", lambda name, own=library: version(name) + "x" * (name == own)
        )
        keys.append(_key(problem))
    assert _all_differ(keys)


def _modules_in_key(problem: Problem, engine: str, monkeypatch: pytest.MonkeyPatch) -> list[ModuleType]:
    noted: list[ModuleType] = []
    with monkeypatch.context() as patch:
        patch.setattr(cells, "fingerprint", lambda settings, modules, arrays: noted.extend(modules) or "")
        _key(problem, engine)
    return noted


@pytest.mark.parametrize("engine", ENGINES)
def test_the_key_changes_with_the_source_of_every_module_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    problem = replace(small_problem(tmp_path, 30), recipe=HARD)
    modules = _modules_in_key(problem, engine, monkeypatch)
    assert len(set(modules)) == len(modules)
    source, keys = fingerprint_module._source, [_key(problem, engine)]
    for module in modules:
        changed = {module: source(module) + b"# Changed.\n"}
        monkeypatch.setattr(fingerprint_module, "_source", lambda asked, own=changed: own.get(asked) or source(asked))
        keys.append(_key(problem, engine))
    assert _all_differ(keys)


@pytest.mark.parametrize("model", known_names("models"))
@pytest.mark.parametrize("engine", ENGINES)
def test_every_module_that_an_engine_reaches_is_in_the_key_or_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, model: str
) -> None:
    problem = replace(small_problem(tmp_path, 30, model), recipe=HARD)
    in_key = {
        str(Path(module.__file__ or "").relative_to(ROOT)) for module in _modules_in_key(problem, engine, monkeypatch)
    }
    network = ROOT / f"src/digitrec/models/{model}.py"
    own = Path(ENGINES[engine].__file__ or "")
    reached = reached_modules(own) | reached_modules(network) | {str(file.relative_to(ROOT)) for file in (own, network)}
    assert reached - in_key == set(HARMLESS)


def test_a_plain_recipe_does_not_depend_on_the_code_of_adversarial_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = small_problem(tmp_path, 30)
    names = [module.__name__ for module in _modules_in_key(problem, "skorch", monkeypatch)]
    assert not any(name.endswith((".attacks", ".hardening")) for name in names)


def test_the_key_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    keys = set()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        keys.add(_key(small_problem(tmp_path / name, 30)))
    assert len(keys) == 1


def test_the_key_changes_with_every_ingredient_of_the_cell() -> None:
    changes = {
        "lr": 0.002,
        "max_epochs": 3,
        "batch_size": 33,
        "optimizer": "rmsprop",
        "architecture": {"hidden_1": 17, "hidden_2": 8},
    }
    others = [Cell(candidate, TRAIN, TEST) for candidate in _changed(CANDIDATE, changes)]
    others += [
        Cell(CANDIDATE, TRAIN[:-1], TEST),
        Cell(CANDIDATE, TRAIN[::-1], TEST),
        Cell(CANDIDATE, TRAIN, TEST[1:]),
        # The same rows in all, parted elsewhere.
        Cell(CANDIDATE, np.arange(0, 21), np.arange(21, 30)),
        # A network's argument that is called like a training parameter.
        Cell(CANDIDATE.model_copy(update={"architecture": {**CANDIDATE.architecture, "lr": 0.002}}), TRAIN, TEST),
    ]
    cell = Cell(CANDIDATE, TRAIN, TEST)
    assert _all_differ([each.key("a") for each in [cell, *others]])
    assert cell.key("a") != cell.key("b")


def test_the_key_is_the_same_for_the_same_cell_however_it_was_made() -> None:
    turned = dict(reversed(CANDIDATE.architecture.items()))
    shuffled = Hyperparameters(optimizer="adam", batch_size=32, max_epochs=2, lr=0.003, architecture=turned)
    rows = TRAIN.astype(np.int32), np.arange(60)[20:30]
    assert Cell(shuffled, *rows).key("a") == Cell(CANDIDATE, TRAIN, TEST).key("a")
