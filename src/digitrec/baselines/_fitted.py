"""Fitting a baseline, or taking what was kept of an earlier fit to the same images."""

import importlib
import sys
from pathlib import Path

import numpy as np

from digitrec.baselines import _kept
from digitrec.pipeline.files import write_array, write_json
from digitrec.pipeline.fingerprint import fingerprint
from digitrec.pipeline.stage import stopwatch

# What is kept of a fit; times.json, its wall times, is written last.
FILES = ("model.skops", "predictions.npy", "model.json")


def fitted(name: str, seed: int, images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, folder: Path) -> Path:
    """Fit a baseline and predict the test images, unless that was done before.

    Parameters
    ----------
    name : str
        A module of this room.
    seed : int
    images, labels : array
        uint8 of shape (n, height, width, channels), and integers of shape (n,).
    test_images : array
        uint8 of shape (n_test, height, width, channels).
    folder : Path
        Where fits are kept, each under a name made of its settings, code and data.

    Returns
    -------
    Path
        The fit's folder, with `FILES` and times.json (fit_seconds and predict_seconds).
    """
    baseline = importlib.import_module(f"digitrec.baselines.{name}")
    code = [baseline, _kept, sys.modules[__name__]]
    kept = folder / f"{name}-{fingerprint({'seed': seed}, code, (images, labels, test_images))[:16]}"
    if (kept / "times.json").exists():
        print(f"{name}: kept from an earlier run", flush=True)
        return kept
    print(f"{name}: fitting {len(images):,} images", flush=True)
    model = baseline.build(seed)
    with stopwatch() as fit_seconds:
        model.fit(images.reshape(len(images), -1) / np.float32(255), labels)
    with stopwatch() as predict_seconds:
        predictions = model.predict(test_images.reshape(len(test_images), -1) / np.float32(255))
    _kept.save_baseline(kept / "model.skops", model)
    write_array(kept / "predictions.npy", predictions)
    write_json(kept / "model.json", {"n_parameters": int(baseline.n_parameters(model))})
    times = {"fit_seconds": fit_seconds(), "predict_seconds": predict_seconds()}
    write_json(kept / "times.json", times)
    print(f"{name}: fitted in {fit_seconds()} s, predicted {len(predictions):,} images in {predict_seconds()} s")
    return kept
