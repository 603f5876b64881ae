"""Stages embed and suspicious-labels, on the embedded digits."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from digitrec.artifacts import write_array
from tests.tiny import ROOT, all_digits

SMALL = {"num_units": 4, "out_units": 6, "fout_units": 8, "nonlinearity": "relu"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder reproduction/ beside the main pipeline's data."""
    data = all_digits()
    for part in ("train", "test"):
        for name in ("images", "labels"):
            write_array(tmp_path / f"data/{part}/{name}.npy", getattr(data, f"{part}_{name}"))
    answers = data.test_labels.copy()
    answers[:3] = (answers[:3] + 1) % 10
    write_array(tmp_path / "data/final/probabilities.npy", np.eye(10, dtype=np.float32)[answers])
    root = tmp_path / "reproduction"
    root.mkdir()
    params = yaml.safe_load((ROOT / "reproduction/params.yaml").read_text())
    params["suspicious_labels"].update(folds=2, max_images=300, max_epochs=2, architecture=SMALL)
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    return root


def _change_params(root: Path, change: Callable[[dict], None]) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    change(params)
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def _run(root: Path, *command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DIGITREC_JOBS": "2", "DIGITREC_DEVICE": "cpu"}
    script = str(ROOT / f"stages/{command[0]}.py")
    return subprocess.run(
        [sys.executable, script, *command[1:]], cwd=root, env=environment, capture_output=True, text=True
    )


def test_embed_draws_as_many_images_as_it_is_told(root: Path) -> None:
    result = _run(root, "embed", "40")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("t-SNE of 40 images in ")
    assert (root / "plots/tsne/40.png").read_bytes().startswith(b"\x89PNG")


def test_suspicious_labels_writes_counts_table_and_galleries(root: Path) -> None:
    result = _run(root, "suspicious_labels")
    assert result.returncode == 0, result.stderr
    summary = json.loads((root / "metrics/suspicious_labels.json").read_text())
    assert (summary["folds"], summary["n_train"], summary["n_test"]) == (2, 300, 360)
    assert (summary["n_errors"], summary["errors_on_known_wrong"], summary["known_wrong"]) == (3, 0, [])
    with open(root / "plots/suspicious_labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == summary["n_suspicious_train"]
    assert all(int(row["label"]) == all_digits().train_labels[int(row["index"])] for row in rows)
    for name in ("suspicious_labels", "known_wrong_labels"):
        assert (root / f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", [("embed", "40"), ("suspicious_labels",)])
def test_every_setting_is_checked_first(root: Path, command: tuple[str, ...]) -> None:
    _change_params(root, lambda params: params["suspicious_labels"].update(folds=1, optimiser="adam"))
    result = _run(root, *command)
    assert result.returncode == 2
    assert "suspicious_labels.folds: got 1, expected a whole number >= 2" in result.stderr
    assert "suspicious_labels.optimiser: is no known key; did you mean 'optimizer'?" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (root / "plots").exists()
