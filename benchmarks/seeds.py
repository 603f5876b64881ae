"""Test accuracy over seeds: what a result owes to luck.

Reads   params.yaml, data/train, data/test, metrics/normalize_stats.json, data/gridsearch/best_params.json (or
        metrics/gridsearch.json); $DIGITREC_JOBS, $DIGITREC_DEVICE
Writes  benchmarks/results/seeds.json

Usage: python benchmarks/seeds.py [--seeds 0 1 2 3 4] [--runs modern_digits modern paper best best_digits]
Runs: `modern_digits` and `modern` are the search's winner, or what params.yaml says in its place, by these recipes,
`paper` is what its authors trained last, `best` and `best_digits` are our network for accuracy, by `modern` and by
`modern_digits`.
Each fit is trained as stage `train-final` does it and scored once on the test images, as they are and corrupted; so, as
they are, is the ensemble of a run's networks, the mean of their probabilities. What is finished, fits and epochs, is
kept in data/cache/seeds under a name made of settings, data and code, so a killed run goes on where it was. Runs that
are not asked for stay in the results as they were.
"""

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from digitrec.config.params import Params, load_params
from digitrec.data.dataset import read_dataset_spec, read_normalization, read_part
from digitrec.data.split import validation_split
from digitrec.evaluation.corruptions import CORRUPTIONS, corrupt
from digitrec.evaluation.inference import predict_probabilities
from digitrec.evaluation.robustness import SEED, mean_corruption_error, network_answers
from digitrec.evaluation.scores import accuracy_scores
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_array, read_json, write_array, write_json
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.machine import describe_device, describe_machine, headline
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.reproduction.measures import mean_interval
from digitrec.spec import Hyperparameters, ImageSpec, TrainingSpec
from digitrec.training.fit import fit

RUNS = ("modern_digits", "modern", "paper", "best", "best_digits")
AUTO = {"lr": "auto", "batch_size": "auto", "max_epochs": "auto", "optimizer": "auto"}
# Okon's final run (doi 10.5281/zenodo.17136040).
PAPER = {
    "lr": 0.0001,
    "batch_size": 32,
    "max_epochs": 20,
    "optimizer": "adam",
    "architecture": {"num_units": 10, "out_units": 20, "fout_units": 40, "nonlinearity": "relu"},
}
# The winner of `dvc exp run -S model=best`.
BEST = {
    "lr": 0.001,
    "batch_size": 64,
    "max_epochs": 20,
    "optimizer": "rmsprop",
    "architecture": {"columns": 2, "width": 32},
}
# Runs that take nothing from the search, nor from params.yaml's final training: the recipe, the network, its settings.
FIXED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "paper": ("paper", "mnistnet", PAPER),
    "best": ("modern", "best", BEST),
    "best_digits": ("modern_digits", "best", BEST),
}


def training_of(root: Path, params: Params, run: str, seed: int) -> TrainingSpec:
    """Resolve a fit's specification as stage `train-final` does."""
    changes: dict[str, Any] = {"recipe": run, "seed": seed}
    if run in FIXED:
        recipe, model, best = FIXED[run]
        changes |= {"recipe": recipe, "model": model, **AUTO}
    else:
        winner = root / "data/gridsearch/best_params.json"
        best = read_json(winner) if winner.exists() else read_json(root / "metrics/gridsearch.json")["best_params"]
    return params.model_copy(update=changes).training(
        Hyperparameters.model_validate(best),
        read_dataset_spec(root / "data/dataset.json").image,
        read_normalization(root / "metrics/normalize_stats.json"),
    )


def fit_and_score(root: Path, training: TrainingSpec, image: ImageSpec, device: str) -> dict[str, Any]:
    """Train and score, or read what was done before: accuracy, its interval, errors, n, mean_corruption_error, seconds,
    and where the probabilities are."""
    # Fits run side by side, a thread each: this is a worker's own process.
    torch.set_num_threads(1)
    images, labels = read_part(root / "data/train")
    split = validation_split(labels, training.recipe.valid_fraction, training.seed)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), stopwatch() as seconds:
        # A finished fit is restored whole from its last epoch's state.
        net, state = fit(training, image, images, labels, device, root / "data/cache/seeds", verbose=0, split=split)
    result, probabilities = state.with_suffix(".scores.json"), state.with_suffix(".npy")
    if not result.exists():
        network, (test_images, test_labels) = net.module_.eval(), read_part(root / "data/test")
        write_array(probabilities, predict_probabilities(network, test_images))
        scores = accuracy_scores(test_labels, read_array(probabilities).argmax(1))
        wrong = [network_answers(network, corrupt(test_images, name, SEED)) != test_labels for name in CORRUPTIONS]
        scores["mean_corruption_error"] = mean_corruption_error(np.stack(wrong))["mean_corruption_error"]
        write_json(result, scores | {"seconds": seconds(), "settings": training.model_dump(mode="json")})
    return read_json(result) | {"probabilities": probabilities}


def summarize(seeds: list[int], results: list[dict[str, Any]], labels: np.ndarray) -> dict[str, Any]:
    """Give mean, standard deviation, the 95 % interval of the mean (Student's t) and the ensemble of one run."""
    ensemble = np.mean([read_array(result["probabilities"]) for result in results], axis=0)
    accuracies = [result["accuracy"] for result in results]
    return {
        "mean": float(np.mean(accuracies)),
        "std": float(np.std(accuracies, ddof=1)),
        "mean_ci95": mean_interval(accuracies),
        "accuracies": accuracies,
        "errors": [result["errors"] for result in results],
        "n": results[0]["n"],
        "ensemble": accuracy_scores(labels, ensemble.argmax(1)),
        "mean_corruption_errors": [result["mean_corruption_error"] for result in results],
        "seeds": seeds,
        "seconds": [result["seconds"] for result in results],
        "settings": {key: value for key, value in results[0]["settings"].items() if key != "seed"},
    }


def main(root: Path) -> None:
    """Fit all, print, write."""
    parser = argparse.ArgumentParser(description="Test accuracy over seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="two or more (default: 0 to 4)")
    parser.add_argument("--runs", nargs="+", default=RUNS, choices=RUNS, help="which (default: all)")
    arguments = parser.parse_args()
    seeds = arguments.seeds
    if len(set(seeds)) < 2:
        parser.error("a spread takes two or more different seeds")

    params, device, jobs = load_params(root / "params.yaml"), device_from_environment(), jobs_from_environment()
    machine = describe_machine() | {"device": describe_device(device), "jobs": jobs}
    print(headline(machine), f"{jobs} fits at a time on {device}", sep=", ", flush=True)
    image = read_dataset_spec(root / "data/dataset.json").image
    fits = [(run, seed) for seed in seeds for run in arguments.runs]
    tasks = ((root, training_of(root, params, run, seed), image, device) for run, seed in fits)
    results: dict[tuple[str, int], dict[str, Any]] = {}
    for number, result in side_by_side(fit_and_score, tasks, jobs, "training"):
        run, seed = fits[number]
        results[run, seed] = result
        done, left = len(results), len(fits) - len(results)
        # By the fits' own times: what was restored took none of this run's.
        minutes = np.mean([one["seconds"] for one in results.values()]) * left / jobs / 60
        print(
            f"[{done}/{len(fits)}] {run} seed {seed}: {100 * result['accuracy']:.2f} %, "
            f"{result['errors']} errors, {result['seconds']:.0f} s; about {minutes:.0f} min left",
            flush=True,
        )

    labels = read_array(root / "data/test/labels.npy")
    path = root / "benchmarks/results/seeds.json"
    runs = read_json(path)["runs"] if path.exists() else {}
    for run in arguments.runs:
        runs[run] = row = summarize(seeds, [results[run, seed] for seed in seeds], labels) | {"machine": machine}
        low, high = row["mean_ci95"]
        print(
            f"{run}: {100 * row['mean']:.3f} %, standard deviation {100 * row['std']:.3f} over {len(seeds)} seeds, "
            f"95 % interval of the mean {100 * low:.3f} to {100 * high:.3f}; errors {row['errors']}; "
            f"ensemble {100 * row['ensemble']['accuracy']:.2f} %, {row['ensemble']['errors']} errors"
        )
    write_json(path, {"runs": runs})


if __name__ == "__main__":
    run_stage(main)
