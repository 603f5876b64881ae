"""What each part of a recipe gives, on training images that are held out: as they are, and corrupted.

Reads   params.yaml, data/train, metrics/normalize_stats.json, data/gridsearch/best_params.json; $DIGITREC_JOBS,
        $DIGITREC_DEVICE
Writes  benchmarks/results/recipes.json

Usage: python benchmarks/recipes.py [--seeds 0 1 2] [--variants "as it is" "20 epochs" ...]
A fifth of the training images is held out, the same for all. What is finished, fits and epochs, is kept in
data/cache/recipes under a name made of settings, data and code, so a killed run goes on where it was. Variants that are
not asked for stay in the results as they were. The test set is not touched.
"""

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from digitrec.config.params import Params, load_params
from digitrec.data.dataset import read_dataset_spec, read_normalization, read_part, spread
from digitrec.data.split import validation_split
from digitrec.evaluation.corruptions import CORRUPTIONS, corrupt
from digitrec.evaluation.robustness import mean_corruption_error, network_answers
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_json, write_json
from digitrec.pipeline.jobs import side_by_side
from digitrec.pipeline.machine import describe_device, describe_machine, headline
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.spec import Hardening, Hyperparameters, ImageSpec, TrainingSpec
from digitrec.training.fit import fit

# Held out, and of these so many are corrupted.
HELD_OUT, CORRUPTED = 0.2, 3000
NONE = Hardening()
# What a variant changes: of the hyperparameters, and of the recipe.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it is": ({}, {}),
    "no hardening": ({}, {"hardening": NONE}),
    "no outlines, lines and specks": ({}, {"hardening": {"outline": 0.0, "line": 0.0, "specks": 0.0}}),
    "each distortion on a quarter of the images": ({}, {"hardening": {"share": 0.25}}),
    "no flags on ones": ({}, {"flagged_ones": 0.0}),
    "as `robust`": ({}, {"hardening": {"share": 0.5, "adversarial": 0.2}}),
    "dropout as published": ({"architecture": {"dropout": 0.3, "dropout_maps": 0.2}}, {}),
    "20 epochs": ({"max_epochs": 20}, {}),
    "Adam": ({"optimizer": "adam"}, {}),
    "batches of 64, twice the learning rate": ({"batch_size": 64, "lr": 0.002}, {}),
}


def default_training(root: Path, params: Params, image: ImageSpec) -> TrainingSpec:
    """Give the specification of the final training, by the search's winner."""
    winner = Hyperparameters.model_validate(read_json(root / "data/gridsearch/best_params.json"))
    return params.training(winner, image, read_normalization(root / "metrics/normalize_stats.json"))


def changed(training: TrainingSpec, variant: str, seed: int) -> TrainingSpec:
    """Give the specification of a variant."""
    settings, recipe = VARIANTS[variant]
    architecture = dict(training.architecture) | settings.get("architecture", {})
    hardening = recipe.get("hardening", {})
    if isinstance(hardening, dict):
        recipe = recipe | {"hardening": training.recipe.hardening.model_copy(update=hardening)}
    recipe = training.recipe.model_copy(update=recipe)
    return training.model_copy(update=settings | {"architecture": architecture, "recipe": recipe, "seed": seed})


def held_out_scores(network: nn.Module, images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Count the errors on the images `rows`, clean, and of some of them corrupted in each way."""
    few = rows[spread(len(rows), CORRUPTED)]
    wrong = {name: network_answers(network, corrupt(images[few], name, 0)) != labels[few] for name in CORRUPTIONS}
    clean = network_answers(network, images[rows]) != labels[rows]
    by_kind = {name: float(values.mean()) for name, values in wrong.items()}
    scores = {"errors": int(clean.sum()), "n": len(rows), "error": float(clean.mean())}
    mean = mean_corruption_error(np.stack(list(wrong.values())))["mean_corruption_error"]
    return scores | {"mean_corruption_error": mean, "corruption_errors": by_kind}


def fit_and_score(root: Path, training: TrainingSpec, image: ImageSpec, device: str) -> dict[str, Any]:
    """Train on most training images and count the errors on the others: clean, and by corruption."""
    # Fits run side by side, a thread each: this is a worker's own process.
    torch.set_num_threads(1)
    images, labels = read_part(root / "data/train")
    split = validation_split(labels, HELD_OUT, 0)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), stopwatch() as seconds:
        net, state = fit(training, image, images, labels, device, root / "data/cache/recipes", verbose=0, split=split)
    result = state.with_suffix(".json")
    if not result.exists():
        scores = held_out_scores(net.module_.eval(), images, labels, split[1])
        write_json(result, scores | {"seconds": seconds(), "settings": training.model_dump(mode="json")})
    return read_json(result)


def main(root: Path) -> None:
    """Fit all, print, write."""
    parser = argparse.ArgumentParser(description="What each part of a recipe gives.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 to 2")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS, help="which (default: all)")
    arguments = parser.parse_args()
    params, device, jobs = load_params(root / "params.yaml"), device_from_environment(), jobs_from_environment()
    machine = describe_machine() | {"device": describe_device(device), "jobs": jobs}
    print(headline(machine), f"{jobs} fits at a time on {device}", sep=", ", flush=True)
    image = read_dataset_spec(root / "data/dataset.json").image
    default = default_training(root, params, image)
    path = root / "benchmarks/results/recipes.json"
    variants = read_json(path)["variants"] if path.exists() else {}
    fits = [(variant, seed) for seed in arguments.seeds for variant in arguments.variants]
    tasks = ((root, changed(default, variant, seed), image, device) for variant, seed in fits)
    done: dict[str, dict[str, Any]] = {variant: {} for variant in arguments.variants}
    for number, result in side_by_side(fit_and_score, tasks, jobs, "training"):
        variant, seed = fits[number]
        done[variant][str(seed)] = result
        print(
            f"{variant}, seed {seed}: {result['errors']} of {result['n']:,} wrong, corrupted "
            f"{100 * result['mean_corruption_error']:.2f} % wrong, {result['seconds']:.0f} s",
            flush=True,
        )
    for variant, results in done.items():
        variants[variant] = {"seeds": dict(sorted(results.items())), "machine": machine}
    write_json(path, {"variants": variants})


if __name__ == "__main__":
    run_stage(main)
