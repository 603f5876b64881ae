"""Stages embed, suspicious-labels and draw-systems, on the embedded digits."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.image import imread

from digitrec.data.dataset import write_dataset
from digitrec.pipeline.files import write_array, write_json
from tests.conftest import Pipeline
from tests.reproduction.measured import TIMES, confusion_matrix, make_run, make_system
from tests.tiny import ROOT, all_digits

SMALL = {"num_units": 4, "out_units": 6, "fout_units": 8, "nonlinearity": "relu"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder reproduction/ beside the main pipeline's data."""
    data = all_digits()
    write_dataset(tmp_path / "data", data)
    answers = data.test_labels.copy()
    answers[:3] = (answers[:3] + 1) % 10
    write_array(tmp_path / "data/final/probabilities.npy", np.eye(10, dtype=np.float32)[answers])
    root = tmp_path / "reproduction"
    root.mkdir()
    params = yaml.safe_load((ROOT / "reproduction/params.yaml").read_text())
    params["suspicious_labels"].update(folds=2, max_images=300, max_epochs=2, architecture=SMALL)
    params["embedding"]["images"] = [40]
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / "stages").symlink_to(ROOT / "stages")
    return root


def _change_params(root: Path, change: Callable[[dict], None]) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    change(params)
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def _run(root: Path, *command: str) -> tuple[int, str]:
    return Pipeline(root).stage_here(*command, DIGITREC_JOBS="1", DIGITREC_DEVICE="cpu")


def _table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_points_and_suspicious_labels_are_written_and_drawn_with_the_systems(root: Path) -> None:
    assert _run(root, "embed", "40")[0] == 0
    points = _table(root / "data/tsne/40.csv")
    assert [int(row["label"]) for row in points] == all_digits().train_labels[:40].tolist()
    assert len({(row["x"], row["y"]) for row in points}) == 40

    assert _run(root, "suspicious_labels")[0] == 0
    summary = json.loads((root / "metrics/suspicious_labels.json").read_text())
    assert (summary["folds"], summary["n_train"], summary["n_test"]) == (2, 300, 360)
    assert (summary["n_errors"], summary["errors_on_known_wrong"], summary["known_wrong"]) == (3, 0, [])
    rows = _table(root / "plots/suspicious_labels.csv")
    assert len(rows) == summary["n_suspicious_train"]
    assert all(int(row["label"]) == all_digits().train_labels[int(row["index"])] for row in rows)
    assert _table(root / "plots/known_wrong_labels.csv") == []
    assert not list(root.rglob("*.png"))

    probabilities = np.eye(10, dtype=np.float32)[all_digits().test_labels]
    for name in yaml.safe_load((root / "params.yaml").read_text())["systems"]:
        runs = [make_run(0, confusion_matrix(96))] if name in ("okon", "shah") else []
        write_json(root / f"metrics/systems/{name}.json", make_system(name, *runs))
        write_json(root / f"metrics/times/{name}.json", TIMES)
        if name != "shah":
            write_array(root / f"data/systems/{name}/probabilities.npy", probabilities)
    write_array(root / "data/home_made/images.npy", all_digits().test_images[:12])
    write_array(root / "data/home_made/labels.npy", all_digits().test_labels[:12])
    write_array(root / "data/home_made/probabilities.npy", probabilities[:12])
    shutil.copy(ROOT / "reproduction/claims.yaml", root)
    # One that was trained on another machine, shah, is left out.
    assert _run(root, "draw_systems")[0] == 0
    pictures = {str(path.relative_to(root / "plots")): path for path in root.rglob("*.png")}
    names = ("home_made_digits", "known_wrong_labels", "suspicious_labels", "training_time", "systems/okon", "tsne/40")
    assert set(pictures) == {f"{name}.png" for name in names}
    assert all(imread(path).std() > 0.02 for path in pictures.values())


@pytest.mark.parametrize("command", [("suspicious_labels",), ("draw_systems",)])
def test_every_setting_is_checked_first(root: Path, command: tuple[str, ...]) -> None:
    _change_params(root, lambda params: params["suspicious_labels"].update(folds=1, optimiser="adam"))
    status, errors = _run(root, *command)
    assert status == 2
    assert "suspicious_labels.folds: got 1, expected a whole number >= 2" in errors
    assert "suspicious_labels.optimiser: is no known key; did you mean 'optimizer'?" in errors
    assert not (root / "plots").exists()
