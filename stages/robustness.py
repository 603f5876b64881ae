"""Score the final network and the baselines on corrupted and adversarial test images.

Baselines are fitted again: their stage keeps answers, not models. Attacks know the network's weights alone; baselines
are shown the images that were made against the network.

Reads   params.yaml, data/train, data/test, data/checkpoints/final.*, data/baselines; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  metrics/robustness.json, plots/robustness.csv, plots/robustness.png, plots/robustness_samples.png
"""

import importlib
from pathlib import Path

import numpy as np
from joblib import parallel_config

from digitrec.artifacts import read_array, write_csv, write_json
from digitrec.checkpoints import load_checkpoint
from digitrec.comparison import FINAL
from digitrec.jobs import jobs_from_environment
from digitrec.params import load_params
from digitrec.plots import save_figure
from digitrec.robustness import (
    CLEAN,
    adversarial_images,
    baseline_answers,
    corrupted_images,
    network_answers,
    robustness_metrics,
    score_all,
    spread,
)
from digitrec.robustness_figures import robustness_figure, samples_figure
from digitrec.stage import run_stage
from digitrec.training import device_from_environment


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    classifier, _ = load_checkpoint(root / "data/checkpoints/final.safetensors", device_from_environment())
    images, labels = read_array(root / "data/test/images.npy"), read_array(root / "data/test/labels.npy")
    few = spread(len(labels), params.robustness.baseline_images)
    attacked = spread(len(labels), params.robustness.attacked_images)
    corrupted = corrupted_images(images)
    adversarial = adversarial_images(classifier, images[attacked], labels[attacked])
    answers = {FINAL: network_answers(classifier, {CLEAN: images} | corrupted | adversarial)}

    train, train_labels = read_array(root / "data/train/images.npy"), read_array(root / "data/train/labels.npy")
    train = train.reshape(len(train), -1) / np.float32(255)
    shown = {name: corrupted[name][few] for name in corrupted} | adversarial
    for name in params.baselines:
        print(f"{name}: fitting", flush=True)
        model = importlib.import_module(f"digitrec.baselines.{name}").build(params.seed)
        clean = read_array(root / "data/baselines" / name / "predictions.npy")[few]
        with parallel_config(n_jobs=jobs_from_environment()):
            answers[name] = {CLEAN: clean} | baseline_answers(model.fit(train, train_labels), shown)

    rows, means = score_all(labels, answers, few, attacked)
    samples = samples_figure({CLEAN: images} | corrupted | adversarial, answers[FINAL], int(labels[0]))
    write_csv(root / "plots/robustness.csv", rows, list(rows[0]))
    save_figure(robustness_figure(rows, means), root / "plots/robustness.png")
    save_figure(samples, root / "plots/robustness_samples.png")
    metrics = robustness_metrics(rows, means)
    write_json(root / "metrics/robustness.json", metrics)
    low, high = metrics["mean_corruption_error_ci95"]
    print(f"mean corruption error {metrics['mean_corruption_error']:.4f} [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    run_stage(main)
