"""Seconds that a search takes, beside the published way to search.

Reads   params.yaml; MNIST as stage `download` finds it; $DIGITREC_JOBS, $DIGITREC_DEVICE
Writes  benchmarks/results/search.json

Usage: python benchmarks/search.py [--parts subset halving exhaustive] [--engines auto] [--turns 1] [--images 3000]
                                   [--exhaustive-images 6000]
subset      The same candidates, epochs and folds on the first so many images: scikit-learn's GridSearchCV with its
            defaults over skorch with its defaults over torchvision's dataset with transforms, as published; then ours,
            by each engine.
halving     The search of params.yaml (all of okon's 128 candidates) on all of MNIST by the engines that are named, in
            turns, beside what the published way would take for 384 fits on 40,000 images each, by the seconds that it
            took for an image and an epoch above.
exhaustive  All 128 candidates exhaustively and by halving on the first so many images; both winners trained on all
            images and scored on the test set. Not run unless asked for: it takes an hour on two cores.
What is not run stays in the results as it was.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV, ParameterGrid
from skorch import NeuralNetClassifier
from skorch.helper import SliceDataset
from torch import nn
from torch.utils.data import Subset
from torchvision.datasets import MNIST
from training_speed import IMAGE, MEAN, STD, torchvision_mnist

from digitrec.config.params import Params, load_params
from digitrec.data.split import validation_split
from digitrec.errors import DigitrecError
from digitrec.evaluation.scores import accuracy_scores
from digitrec.models import mnistnet
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_json, write_array, write_json
from digitrec.pipeline.machine import describe_device, describe_machine, headline
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.search.cells import Problem
from digitrec.search.run import ENGINES, find_best
from digitrec.search.summary import SearchResult
from digitrec.spec import Hyperparameters, Normalization, Recipe, SearchSpec
from digitrec.training.fit import fit

OPTIMIZERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
# Candidates of part 1: of okon's grid those that differ most, and both numbers of epochs.
SUBSET: dict[str, list] = {"lr": [0.0001, 0.001], "max_epochs": [15, 20], "batch_size": [32], "optimizer": ["adam"]}
SUBSET_ARCHITECTURE = {"nonlinearity": ["relu", "softmax"], "num_units": [10], "out_units": [20], "fout_units": [40]}


def mnist_problem(root: Path, folder: Path, model: str, recipe: Recipe, seed: int) -> tuple[MNIST, Problem]:
    """Lay MNIST's training images out in a folder: torchvision's dataset of them, and ours."""
    dataset = torchvision_mnist(root, folder)
    images, labels = folder / "images.npy", folder / "labels.npy"
    write_array(images, dataset.data.numpy()[..., None])
    write_array(labels, dataset.targets.numpy().astype(np.uint8))
    return dataset, Problem(images, labels, IMAGE, model, recipe, Normalization(mean=MEAN, std=STD), seed)


def test_answers(problem: Problem, candidate: Hyperparameters, test: MNIST, device: str, states: Path) -> np.ndarray:
    """Train a candidate as stage `train-final` does: its answers to the test images, integers of shape (n,)."""
    images, labels = np.load(problem.images), np.load(problem.labels)
    training = problem.training(candidate, problem.seed)
    split = validation_split(labels, training.recipe.valid_fraction, training.seed)
    net, _ = fit(training, problem.image, images, labels, device, states, verbose=0, split=split)
    net.images = None
    return net.predict(test.data.numpy()[..., None])


def published_network(loss_input: str = "softmax", **architecture: Any) -> nn.Module:
    """Build MNISTNet with its softmax: cross-entropy, which applies another one, is fed probabilities, as published.

    With `logits` as the loss's input it has none.
    """
    network = mnistnet.build(IMAGE, **architecture)
    return nn.Sequential(network, nn.Softmax(dim=1)) if loss_input == "softmax" else network


def published_classifier(**settings: Any) -> NeuralNetClassifier:
    """Set skorch up as published: with its defaults, but for `settings`."""
    return NeuralNetClassifier(published_network, criterion=nn.CrossEntropyLoss, verbose=0, **settings)


def published_search(dataset: MNIST, n: int, cv: int) -> tuple[Hyperparameters, float]:
    """Search as published: the winner, and the seconds."""
    grid = {
        "lr": SUBSET["lr"],
        "max_epochs": SUBSET["max_epochs"],
        "batch_size": SUBSET["batch_size"],
        "optimizer": [OPTIMIZERS[name] for name in SUBSET["optimizer"]],
        **{f"module__{key}": values for key, values in SUBSET_ARCHITECTURE.items()},
    }
    search = GridSearchCV(published_classifier(), grid, cv=cv, scoring="accuracy", refit=False)
    with stopwatch() as seconds:
        search.fit(SliceDataset(Subset(dataset, range(n))), dataset.targets[:n].numpy())
    found = search.best_params_
    best = Hyperparameters(
        lr=found["lr"],
        max_epochs=found["max_epochs"],
        batch_size=found["batch_size"],
        optimizer=found["optimizer"].__name__.lower(),
        architecture={key: found[f"module__{key}"] for key in SUBSET_ARCHITECTURE},
    )
    return best, seconds()


def our_search(problem: Problem, search: SearchSpec, folder: Path) -> tuple[SearchResult, float]:
    """Search from an empty journal: what was found, and the seconds."""
    labels = np.load(problem.labels)
    with tempfile.TemporaryDirectory(dir=folder) as new, stopwatch() as seconds:
        jobs, device = jobs_from_environment(), device_from_environment()
        return find_best(problem, search, labels, Path(new) / "journal.jsonl", jobs, device), seconds()


def first(problem: Problem, n: int, folder: Path) -> Problem:
    """The same problem on the first n images."""
    paths = {name: folder / f"{name}_{n}.npy" for name in ("images", "labels")}
    for name, path in paths.items():
        write_array(path, np.load(getattr(problem, name), mmap_mode="r")[:n])
    return replace(problem, **paths)


def subset(dataset: MNIST, problem: Problem, params: Params, n: int, folder: Path) -> dict[str, Any]:
    """Run the same search three ways."""
    best, published = published_search(dataset, n, params.search.cv)
    print(f"published way: {published:.0f} s, best {best}", flush=True)
    few = replace(first(problem, n, folder), recipe=params.recipes["paper"])
    rows = {}
    for engine in ENGINES:
        changes = {"strategy": "grid", "engine": engine, "space": SUBSET, "architecture": SUBSET_ARCHITECTURE}
        result, seconds = our_search(few, params.search_spec.model_copy(update=changes), folder)
        rows[engine] = {
            "seconds": seconds,
            "times_faster": round(published / seconds, 2),
            "best_params": result.summary["best_params"],
            "same_winner": result.best == best,
        }
        print(f"{engine} engine: {seconds:.0f} s, {published / seconds:.1f} times faster, best {result.best}")
    fits = params.search.cv * len(ParameterGrid(SUBSET | SUBSET_ARCHITECTURE))
    image_epochs = fits * float(np.mean(SUBSET["max_epochs"])) * n * (1 - 1 / params.search.cv)
    row = {
        "seconds": published,
        "seconds_per_image_epoch": published / image_epochs,
        "best_params": best.model_dump(mode="json"),
    }
    return {"images": n, "fits": fits, "published": row, "engines": rows}


def halving(
    problem: Problem,
    params: Params,
    engines: Sequence[str],
    turns: int,
    folder: Path,
    seconds_per_image_epoch: float,
) -> dict[str, Any]:
    """Run the search of params.yaml by each engine, in turns."""
    n = len(np.load(problem.labels))
    rows: dict[str, dict[str, Any]] = {}
    published = 0.0
    for turn in range(turns):
        # Back and forth, so that a machine that slows down is fair to both.
        for wanted in engines if turn % 2 == 0 else reversed(engines):
            search = params.search_spec.model_copy(update={"engine": wanted})
            result, seconds = our_search(problem, search, folder)
            engine = result.summary["engine"]
            epochs = len(result.rows) * search.cv * float(np.mean(search.space["max_epochs"]))
            published = epochs * n * (1 - 1 / search.cv) * seconds_per_image_epoch
            row = rows.setdefault(engine, {"seconds": []})
            row["seconds"].append(seconds)
            row["times_faster"] = round(published / statistics.median(row["seconds"]), 1)
            row["best_params"] = result.summary["best_params"]
            print(f"{engine}: {seconds:.0f} s, {result.best}", flush=True)
    print(f"published way: {published / 3600:.1f} h (extrapolated)")
    return {"published_seconds_extrapolated": round(published), "engines": rows}


def exhaustive(problem: Problem, params: Params, test: MNIST, n: int, folder: Path) -> dict[str, Any]:
    """Search all candidates by both strategies on n images, and see how good the winners are."""
    few = first(problem, n, folder)
    rows: dict[str, Any] = {}
    for strategy in ("grid", "halving"):
        result, seconds = our_search(few, params.search_spec.model_copy(update={"strategy": strategy}), folder)
        answers = test_answers(problem, result.best, test, device_from_environment(), folder / "states")
        scores = accuracy_scores(test.targets.numpy(), answers)
        rows[strategy] = {"seconds": seconds, "best_params": result.summary["best_params"], "test": scores}
        rows["engine"] = result.summary["engine"]
        print(f"{strategy}: {seconds:.0f} s, {result.best}, test accuracy {scores['accuracy']:.4f}", flush=True)
    return {"images": n} | rows


def main(root: Path) -> None:
    """Run the parts, print, write."""
    parser = argparse.ArgumentParser(description="Seconds that a search takes, beside the published way.")
    parser.add_argument(
        "--parts", nargs="+", choices=("subset", "halving", "exhaustive"), default=["subset", "halving"]
    )
    parser.add_argument("--engines", nargs="+", choices=("auto", *ENGINES), default=["auto"], help="of part halving")
    parser.add_argument("--turns", type=int, default=1, help="of part halving (default: %(default)s)")
    parser.add_argument("--images", type=int, default=3000, help="of part subset (default: %(default)s)")
    parser.add_argument("--exhaustive-images", type=int, default=6000, help="(default: %(default)s)")
    options = parser.parse_args()
    machine = describe_machine() | {
        "device": describe_device(device_from_environment()),
        "jobs": jobs_from_environment(),
    }
    print(headline(machine), flush=True)
    params = load_params(root / "params.yaml")
    path = root / "benchmarks/results/search.json"
    results = read_json(path) if path.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset, problem = mnist_problem(root, folder, params.model, params.recipe_for(IMAGE), params.seed)
        for part in options.parts:
            if part == "subset":
                row = subset(dataset, problem, params, options.images, folder)
            elif part == "halving":
                if "subset" not in results:
                    raise DigitrecError("part halving takes the seconds of part subset: run --parts subset halving")
                published = results["subset"]["published"]["seconds_per_image_epoch"]
                row = halving(problem, params, options.engines, options.turns, folder, published)
            else:
                row = exhaustive(problem, params, MNIST(folder, train=False), options.exhaustive_images, folder)
            results[part] = row | {"machine": machine}
            write_json(path, results)


if __name__ == "__main__":
    run_stage(main)
