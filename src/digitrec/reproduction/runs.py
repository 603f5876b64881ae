"""Training a published system: one run a seed, several at a time, each kept as soon as it is done."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.metrics import confusion_matrix
from skorch.callbacks import Callback

from digitrec.artifacts import read_array
from digitrec.fitting import CURVES, fit
from digitrec.jobs import exit_with
from digitrec.reproduction.systems import Shorten, System
from digitrec.scores import classification_scores
from digitrec.training import DigitClassifier, build_module

TEST_CURVES = ("test_loss", "test_accuracy")
CONFUSED_PAIRS = 10
# What is kept of a run, its test probabilities, its seconds.
Run = tuple[dict[str, Any], np.ndarray, float]


@dataclass(frozen=True)
class Data:
    """Where the images are; every worker opens them itself.

    Parameters
    ----------
    train, test : Path
        Folders with `images.npy`, uint8 of shape (n, 28, 28), and `labels.npy`, of shape (n,).
    max_images : int
        Of the training images, the first so many are used.
    """

    train: Path
    test: Path
    max_images: int

    def train_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        return tuple(read_array(self.train / f"{name}.npy")[: self.max_images] for name in ("images", "labels"))

    def test_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        return tuple(read_array(self.test / f"{name}.npy") for name in ("images", "labels"))


class Observer(Callback):
    """Score the test images after each epoch, as most of the papers did, and take the training's time.

    Nothing is chosen by these scores. The time is the training thread's own on a CPU, so that it does not count what
    else the machine did, and the wall's on a GPU.
    """

    def __init__(self, name: str, images: np.ndarray, labels: np.ndarray):
        self.name = name
        self.images = images
        self.labels = labels

    def on_epoch_begin(self, net: DigitClassifier, **kwargs: Any) -> None:
        self.clock_ = time.thread_time if net.device == "cpu" else time.perf_counter
        self.start_ = self.clock_()

    def on_epoch_end(self, net: DigitClassifier, **kwargs: Any) -> None:
        net.history.record("seconds", self.clock_() - self.start_)
        for key, value in zip(TEST_CURVES, net.score_images(self.images, self.labels), strict=True):
            net.history.record(key, value)
        row = net.history[-1]
        numbers = ", ".join(f"{key} {row[key]:.4f}" for key in (*CURVES, *TEST_CURVES) if key in row)
        print(f"{self.name}: epoch {len(net.history)} of {net.max_epochs}: {numbers}", flush=True)


def image_losses(probabilities: np.ndarray, labels: np.ndarray, loss_input: str) -> np.ndarray:
    """Give the cross-entropy of each image.

    Parameters
    ----------
    probabilities : array
        Floats of shape (n, classes).
    labels : array
        Integers of shape (n,).
    loss_input : {"logits", "softmax"}
        With softmax, the probabilities are taken for logits, as a doubled softmax does.

    Returns
    -------
    array
        float64 of shape (n,), in nats.
    """
    probabilities = probabilities.astype(np.float64)
    of_label = probabilities[np.arange(len(labels)), labels]
    if loss_input == "softmax":
        return np.log(np.exp(probabilities).sum(1)) - of_label
    return -np.log(np.maximum(of_label, np.finfo(np.float32).tiny))


def run_seed(
    name: str, system: System, shorten: Shorten, seed: int, data: Data, folder: Path, device: str, threads: int
) -> Run:
    """Train a system from one seed and score it, or read what was done before.

    Parameters
    ----------
    name : str
        For the lines that tell of each epoch.
    system : System
    shorten : Shorten
    seed : int
    data : Data
    folder : Path
        Where finished runs and unfinished epochs are kept, under names made of settings, data and code.
    device : str
    threads : int
        Of this process.

    Returns
    -------
    run : dict
        seed, history, test (`classification_scores`), loss_sd (of the images' test losses) and confusion.
    probabilities : array
        float32 of shape (n_test, 10).
    seconds : float
        That the training took.
    """
    torch.set_num_threads(threads)
    (images, labels), (test_images, test_labels) = data.train_arrays(), data.test_arrays()
    settings = system.model_dump(exclude={"seeds", "max_epochs"}) | {
        "max_epochs": min(system.max_epochs, shorten.max_epochs),
        "seed": seed,
    }
    observer = Observer(f"{name}, seed {seed}", test_images, test_labels)
    # A finished run is restored whole from its last epoch's state.
    classifier, _ = fit(settings, images, labels, device, folder, [("observer", observer)], verbose=0)
    # From here on X is images, no longer row numbers of the training images.
    classifier.images = None
    probabilities = classifier.predict_proba(test_images)
    losses = image_losses(probabilities, test_labels, system.recipe.loss_input)
    rows = [{key: row[key] for key in ("epoch", *CURVES, *TEST_CURVES) if key in row} for row in classifier.history]
    run = {
        "seed": seed,
        "history": rows,
        "test": classification_scores(test_labels, probabilities, CONFUSED_PAIRS),
        "loss_sd": float(losses.std(ddof=1)),
        "confusion": confusion_matrix(test_labels, probabilities.argmax(1), labels=np.arange(10)).tolist(),
    }
    return run, probabilities, sum(row["seconds"] for row in classifier.history)


def _numbered_run(number: int, parent: int, *arguments: Any) -> tuple[int, Run]:
    exit_with(parent)
    return number, run_seed(*arguments)


def run_system(
    name: str, system: System, shorten: Shorten, data: Data, folder: Path, device: str, jobs: int
) -> list[Run]:
    """Train a system from each of its seeds, `jobs` at a time, and give what `run_seed` gives, in the seeds' order."""
    seeds = system.seeds[: shorten.max_seeds]
    threads = max(1, jobs // max(1, len(seeds)))
    tasks = (
        delayed(_numbered_run)(number, os.getpid(), name, system, shorten, seed, data, folder, device, threads)
        for number, seed in enumerate(seeds)
    )
    with parallel_config(backend="loky", inner_max_num_threads=threads):
        done = dict(Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(tasks))
    return [done[number] for number in range(len(seeds))]


def measurement(name: str, system: System, shorten: Shorten, data: Data, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Put together what is kept of a system's runs.

    Returns
    -------
    dict
        system, settings, published_epochs, epochs, shortened, n_train, n_valid, n_test, n_parameters and runs;
        no wall times, so that the same settings give the same file.
    """
    labels, test_labels = data.train_arrays()[1], data.test_arrays()[1]
    n_valid = round(len(labels) * system.recipe.valid_fraction)
    epochs = min(system.max_epochs, shorten.max_epochs)
    n_published = len(read_array(data.train / "labels.npy"))
    return {
        "system": name,
        "settings": system.model_dump(),
        "published_epochs": system.max_epochs,
        "epochs": epochs,
        "shortened": epochs < system.max_epochs or len(labels) < n_published,
        "n_train": len(labels) - n_valid,
        "n_valid": n_valid,
        "n_test": len(test_labels),
        "n_parameters": sum(p.numel() for p in build_module(system.model, system.architecture).parameters()),
        "runs": runs,
    }
