"""Training a published system: one run a seed, several at a time, each kept as soon as it is done."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp, softmax
from sklearn.metrics import confusion_matrix
from skorch.callbacks import Callback

from digitrec.data.dataset import read_part
from digitrec.data.split import validation_split
from digitrec.evaluation.inference import predict_logits
from digitrec.evaluation.scores import classification_scores
from digitrec.pipeline.files import read_array
from digitrec.pipeline.fingerprint import fingerprint
from digitrec.pipeline.jobs import side_by_side
from digitrec.reproduction.systems import Shorten, System
from digitrec.spec import ImageSpec
from digitrec.training.classifier import ImageClassifier
from digitrec.training.fit import CURVES, fit
from digitrec.training.network import build_network, count_parameters

TEST_CURVES = ("test_loss", "test_accuracy")
CONFUSED_PAIRS = 10
# What is kept of a run, its test probabilities, its seconds.
Run = tuple[dict[str, Any], np.ndarray, float]


@dataclass(frozen=True)
class Data:
    """Where the images are; every worker opens them itself.

    Parameters
    ----------
    image : ImageSpec
        What they are.
    train, test : Path
        Folders with `images.npy`, uint8 of shape (n, height, width, channels), and `labels.npy`, of shape (n,).
    max_images : int
        Of the training images, the first so many are used.
    """

    image: ImageSpec
    train: Path
    test: Path
    max_images: int

    def train_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = read_part(self.train)
        return images[: self.max_images], labels[: self.max_images]

    def test_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        return read_part(self.test)


class Observer(Callback):
    """Score the test images after each epoch, as most of the papers did, and take the training's time.

    Nothing is chosen by these scores. The time is the training thread's own on a CPU, so that it does not count what
    else the machine did, and the wall's on a GPU.

    Parameters
    ----------
    name : str
        For the lines that tell of each epoch.
    images, labels : array
        Of the test set.
    """

    def __init__(self, name: str, images: np.ndarray, labels: np.ndarray):
        self.name = name
        self.images = images
        self.labels = labels

    def on_epoch_begin(self, net: ImageClassifier, **kwargs: Any) -> None:
        self.clock_ = time.thread_time if net.device == "cpu" else time.perf_counter
        self.start_ = self.clock_()

    def on_epoch_end(self, net: ImageClassifier, **kwargs: Any) -> None:
        net.history.record("seconds", self.clock_() - self.start_)
        for key, value in zip(TEST_CURVES, net.score_images(self.images, self.labels), strict=True):
            net.history.record(key, value)
        row = net.history[-1]
        numbers = ", ".join(f"{key} {row[key]:.4f}" for key in (*CURVES, *TEST_CURVES) if key in row)
        print(f"{self.name}: epoch {len(net.history)} of {net.max_epochs}: {numbers}", flush=True)


def image_losses(logits: np.ndarray, labels: np.ndarray, loss_input: str) -> np.ndarray:
    """Give the cross-entropy of each image.

    Parameters
    ----------
    logits : array
        Floats of shape (n, classes).
    labels : array
        Integers of shape (n,).
    loss_input : {"logits", "softmax"}
        With softmax, probabilities are taken for logits, as a doubled softmax does.

    Returns
    -------
    array
        float64 of shape (n,), in nats.
    """
    logits = logits.astype(np.float64)
    given = softmax(logits, 1) if loss_input == "softmax" else logits
    return logsumexp(given, 1) - given[np.arange(len(labels)), labels]


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
        float32 of shape (n_test, classes).
    seconds : float
        That the training took.
    """
    torch.set_num_threads(threads)
    (images, labels), (test_images, test_labels) = data.train_arrays(), data.test_arrays()
    epochs = min(system.max_epochs, shorten.max_epochs)
    training = system.training(seed).model_copy(update={"max_epochs": epochs})
    observer = Observer(f"{name}, seed {seed}", test_images, test_labels)
    # A finished run is restored whole from its last epoch's state, the test scores of each epoch among it.
    classifier, _ = fit(
        training,
        data.image,
        images,
        labels,
        device,
        folder / fingerprint({}, [sys.modules[__name__]], (test_images, test_labels))[:16],
        [("observer", observer)],
        verbose=0,
        split=_split(system, labels, seed),
    )
    logits = predict_logits(classifier.module_.eval(), test_images)
    probabilities = softmax(logits, 1)
    classes = data.image.classes
    rows = [{key: row[key] for key in ("epoch", *CURVES, *TEST_CURVES) if key in row} for row in classifier.history]
    run = {
        "seed": seed,
        "history": rows,
        "test": classification_scores(test_labels, probabilities, classes, CONFUSED_PAIRS),
        "loss_sd": float(image_losses(logits, test_labels, system.recipe.loss_input).std(ddof=1)),
        "confusion": confusion_matrix(test_labels, logits.argmax(1), labels=np.arange(len(classes))).tolist(),
    }
    return run, probabilities, sum(row["seconds"] for row in classifier.history)


def _split(system: System, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The rows that train and those held out for validation; None where the paper holds nothing out."""
    fraction = system.recipe.valid_fraction
    return validation_split(labels, fraction, seed) if fraction else None


def run_system(
    name: str, system: System, shorten: Shorten, data: Data, folder: Path, device: str, jobs: int
) -> list[Run]:
    """Train a system from each of its seeds, `jobs` at a time, and give what `run_seed` gives, in the seeds' order.

    Raises
    ------
    DigitrecError
        When a process that was training was killed.
    """
    seeds = system.seeds[: shorten.max_seeds]
    threads = max(1, jobs // max(1, len(seeds)))
    tasks = [(name, system, shorten, seed, data, folder, device, threads) for seed in seeds]
    done = dict(side_by_side(run_seed, tasks, jobs, "training", threads))
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
    split = _split(system, labels, 0)
    n_valid = 0 if split is None else len(split[1])
    epochs = min(system.max_epochs, shorten.max_epochs)
    n_published = len(read_array(data.train / "labels.npy"))
    network = build_network(system.model, system.architecture, data.image, system.normalization)
    return {
        "system": name,
        "settings": system.model_dump(mode="json"),
        "published_epochs": system.max_epochs,
        "epochs": epochs,
        "shortened": epochs < system.max_epochs or len(labels) < n_published,
        "n_train": len(labels) - n_valid,
        "n_valid": n_valid,
        "n_test": len(test_labels),
        "n_parameters": count_parameters(network),
        "runs": runs,
    }
