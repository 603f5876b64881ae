"""Score the final network and the baselines on corrupted and adversarial test images.

Attacks know the network's weights alone; baselines are shown the images that were made against the network.

Reads   params.yaml, data/test, data/checkpoints/final.*, data/baselines; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  metrics/robustness.json, plots/robustness.csv, data/robustness/samples.npy, data/robustness/samples.json
"""

from pathlib import Path

import numpy as np
from joblib import parallel_config

from digitrec.baselines._kept import load_baseline
from digitrec.config.params import load_params
from digitrec.data.dataset import read_part, spread
from digitrec.evaluation.comparison import FINAL
from digitrec.evaluation.robustness import answer_all, robustness_metrics, score_all
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import write_array, write_csv, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.training.checkpoints import load_checkpoint


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    network = load_checkpoint(root / "data/checkpoints/final.safetensors", device_from_environment()).network
    baselines = {name: load_baseline(root / "data/baselines" / name / "model.skops") for name in params.baselines}
    images, labels = read_part(root / "data/test")
    few = spread(len(labels), params.robustness.baseline_images)
    attacked = spread(len(labels), params.robustness.attacked_images)
    with parallel_config(n_jobs=jobs_from_environment()):
        answers, samples = answer_all(network, baselines, images, labels, few, attacked)
    rows, means = score_all(labels, answers, few, attacked)
    metrics = robustness_metrics(rows, means)
    shown = [
        {"condition": condition, "answer": int(answer[0]), "label": int(labels[0])}
        for condition, answer in answers[FINAL].items()
    ]
    write_array(root / "data/robustness/samples.npy", np.stack([samples[condition] for condition in answers[FINAL]]))
    write_json(root / "data/robustness/samples.json", shown)
    write_csv(root / "plots/robustness.csv", rows, list(rows[0]))
    write_json(root / "metrics/robustness.json", metrics)
    low, high = metrics["mean_corruption_error_ci95"]
    print(f"mean corruption error {metrics['mean_corruption_error']:.4f} [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    run_stage(main)
