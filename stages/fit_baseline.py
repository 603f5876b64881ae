"""Fit one baseline on the training images and predict the test images. Called with the baseline's name.

Reads   params.yaml, data/train, data/test/images.npy; $DIGITREC_JOBS
Writes  data/baselines/NAME/model.skops, data/baselines/NAME/predictions.npy, data/baselines/NAME/model.json
"""

import importlib
import sys
from pathlib import Path

import numpy as np
from joblib import parallel_config

from digitrec.baselines._kept import save_baseline
from digitrec.config.params import load_params
from digitrec.data.dataset import read_part
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import read_array, write_array, write_json
from digitrec.pipeline.stage import run_stage, stopwatch


def main(root: Path, name: str) -> None:
    params = load_params(root / "params.yaml")
    baseline = importlib.import_module(f"digitrec.baselines.{name}")
    model = baseline.build(params.seed)
    images, labels = read_part(root / "data/train")
    test_images = read_array(root / "data/test/images.npy")
    print(f"{name}: fitting {len(images):,} images", flush=True)
    with parallel_config(n_jobs=jobs_from_environment()):
        with stopwatch() as fit_seconds:
            model.fit(images.reshape(len(images), -1) / np.float32(255), labels)
        with stopwatch() as predict_seconds:
            predictions = model.predict(test_images.reshape(len(test_images), -1) / np.float32(255))
    folder = root / "data/baselines" / name
    save_baseline(folder / "model.skops", model)
    write_array(folder / "predictions.npy", predictions)
    write_json(folder / "model.json", {"n_parameters": int(baseline.n_parameters(model))})
    times = {"fit_seconds": fit_seconds(), "predict_seconds": predict_seconds()}
    write_json(root / f"metrics/times/{name}.json", times)
    print(f"{name}: fitted in {fit_seconds()} s, predicted {len(predictions):,} images in {predict_seconds()} s")


if __name__ == "__main__":
    run_stage(main, sys.argv[1])
