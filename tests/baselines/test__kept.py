import importlib
import pickle
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from skops.io import dump

from digitrec.baselines import knn
from digitrec.baselines._kept import load_baseline, save_baseline
from digitrec.config.params import known_names
from digitrec.errors import ArtifactError
from tests.planted import Planted
from tests.tiny import baseline_predictions, fit_baseline


@pytest.mark.parametrize("name", known_names("baselines"))
def test_a_baseline_that_was_kept_predicts_the_same(tmp_path: Path, name: str) -> None:
    baseline = importlib.import_module(f"digitrec.baselines.{name}")
    model = fit_baseline(baseline)
    save_baseline(tmp_path / "model.skops", model)
    loaded = load_baseline(tmp_path / "model.skops")
    assert np.array_equal(baseline_predictions(loaded), baseline_predictions(model))
    assert baseline.n_parameters(loaded) == baseline.n_parameters(model)


@pytest.mark.parametrize("name", ["decision_tree", "mlp", "svm"])
def test_the_same_model_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    baseline = importlib.import_module(f"digitrec.baselines.{name}")
    # Both at once, so that nothing of the one has its place in memory where the other has it.
    models = [fit_baseline(baseline), fit_baseline.__wrapped__(baseline)]
    paths = [tmp_path / "first.skops", tmp_path / "second.skops"]
    for path, model in zip(paths, models, strict=True):
        save_baseline(path, model)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with ZipFile(paths[0]) as file:
        assert {member.date_time for member in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_what_is_no_baseline_is_refused_and_not_loaded(tmp_path: Path) -> None:
    left_behind, path = tmp_path / "left behind", tmp_path / "knn" / "model.skops"
    path.parent.mkdir()
    dump(Planted(left_behind), path)
    with pytest.raises(ArtifactError, match=r"Planted.*dvc repro fit-baseline"):
        load_baseline(path)
    path.write_bytes(pickle.dumps(Planted(left_behind)))
    with pytest.raises(ArtifactError, match="damaged"):
        load_baseline(path)
    model = knn.build(0).fit(np.eye(4), np.arange(4))
    model.weights = Planted(left_behind)
    dump(model, path)
    with pytest.raises(ArtifactError, match="Planted"):
        load_baseline(path)
    assert not left_behind.exists()
    # What was planted does work where nobody looks.
    pickle.loads(pickle.dumps(Planted(left_behind)))
    assert left_behind.exists()


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    model = knn.build(0).fit(np.eye(4), np.arange(4))
    model.weights = Planted(tmp_path / "left behind")
    with pytest.raises(ArtifactError, match=r"planted\.Planted.*TRUSTED"):
        save_baseline(tmp_path / "model.skops", model)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "knn" / "model.skops"
    with pytest.raises(ArtifactError, match="is missing: run `dvc repro fit-baseline`"):
        load_baseline(path)
    save_baseline(path, fit_baseline(knn))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="is damaged"):
        load_baseline(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(100) + whole[middle + 100 :])
    with pytest.raises(ArtifactError, match="is damaged"):
        load_baseline(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump([1, 2], path)
    with pytest.raises(ArtifactError, match="no baseline, but a list"):
        load_baseline(path)
    with ZipFile(path, "w") as file:
        file.writestr("schema.json", "{}")
    with pytest.raises(ArtifactError, match="is damaged"):
        load_baseline(path)
