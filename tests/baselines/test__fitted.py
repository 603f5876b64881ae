"""Fits that are kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from digitrec.baselines._fitted import FILES, fitted
from tests.tiny import some_digits


def test_a_fit_is_kept_and_done_again_only_for_another_seed_or_other_images(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    images, labels = some_digits(60)
    first = fitted("gaussian_naive_bayes", 0, images, labels, images[:10], tmp_path)
    assert {path.name for path in first.iterdir()} == {*FILES, "times.json"}
    assert np.load(first / "predictions.npy").shape == (10,)
    assert json.loads((first / "times.json").read_text()).keys() == {"fit_seconds", "predict_seconds"}
    assert "fitting 60 images" in capsys.readouterr().out

    assert fitted("gaussian_naive_bayes", 0, images, labels, images[:10], tmp_path) == first
    assert capsys.readouterr().out == "gaussian_naive_bayes: kept from an earlier run\n"
    others = [
        fitted("gaussian_naive_bayes", 1, images, labels, images[:10], tmp_path),
        fitted("gaussian_naive_bayes", 0, images[1:], labels[1:], images[:10], tmp_path),
        fitted("gaussian_naive_bayes", 0, images, labels, images[:11], tmp_path),
        fitted("knn", 0, images, labels, images[:10], tmp_path),
    ]
    assert len({first, *others}) == 5


def test_an_unfinished_fit_is_done_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    images, labels = some_digits(60)
    kept = fitted("knn", 0, images, labels, images[:10], tmp_path)
    # Written last.
    (kept / "times.json").unlink()
    fitted("knn", 0, images, labels, images[:10], tmp_path)
    assert capsys.readouterr().out.count("fitting") == 2
