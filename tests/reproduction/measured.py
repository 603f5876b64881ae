"""Measurement files as the stages write them, with numbers that tests choose."""

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from digitrec.evaluation.scores import classification_scores
from digitrec.pipeline.files import read_json
from digitrec.reproduction.claims import Claim, Printed
from digitrec.reproduction.measures import Measurements
from digitrec.reproduction.systems import load_systems
from tests.tiny import DIGITS, ROOT

# Of MNIST's 10,000 test images, in their order, a hundred a line.
MNIST_LABELS = np.array(list(Path(__file__).with_name("mnist_test_labels.txt").read_text().replace("\n", "")), np.uint8)
TIMES = {"cpu": "Some CPU", "cores": 2, "python": "3.11", "torch": "2.15.0", "device": "cpu", "seconds": [10.0, 20.0]}


def confusion_matrix(right: int = 98, **wrong: int) -> np.ndarray:
    """Counts of 100 images a digit, `right` of them on the diagonal; `d49=3` moves three of digit 4 to digit 9."""
    confusion = np.zeros((10, 10), int)
    for digit in range(10):
        confusion[digit, digit] = right
        confusion[digit, (digit + 1) % 10] = 100 - right
    for cell, count in wrong.items():
        label, predicted = int(cell[1]), int(cell[2])
        confusion[label, predicted] += count
        confusion[label, label] -= count
    return confusion


def make_run(seed: int, confusion: np.ndarray, epochs: int = 3, valid: float | None = 0.97) -> dict[str, Any]:
    """One run: accuracies grow by a hundredth an epoch up to the confusion matrix's, losses fall to 0.1."""
    labels = np.repeat(np.arange(10), confusion.sum(1))
    predictions = np.concatenate([np.repeat(np.arange(10), row) for row in confusion])
    scores = classification_scores(labels, np.eye(10)[predictions], DIGITS, 10)
    history = []
    for epoch in range(1, epochs + 1):
        later = epochs - epoch
        row = {"epoch": epoch, "train_loss": 0.1 + 0.01 * later, "train_accuracy": 0.99 - 0.01 * later}
        if valid is not None:
            row |= {"valid_loss": 0.1 + 0.01 * later, "valid_accuracy": valid - 0.01 * later}
        row |= {"test_loss": 0.1 + 0.01 * later, "test_accuracy": scores["accuracy"] - 0.01 * later}
        history.append(row)
    return {"seed": seed, "history": history, "test": scores, "loss_sd": 0.4, "confusion": confusion.tolist()}


def make_system(name: str, *runs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "system": name,
        "settings": {},
        "published_epochs": 3,
        "epochs": 3,
        "shortened": False,
        "n_train": 4000,
        "n_valid": 500,
        "n_test": 1000,
        "n_parameters": 93_390,
        "runs": list(runs),
    } | changes


def make_measurements(*systems: dict[str, Any], **changes: Any) -> Measurements:
    labels = np.repeat(np.arange(10), 100)
    predictions = labels.copy()
    predictions[:50] = 9
    values = {
        "systems": {system["system"]: system for system in systems},
        "times": {system["system"]: TIMES for system in systems},
        "baselines": {"knn": predictions},
        "test_labels": labels,
        "n_train_images": 4500,
        "pixels": {"mean": 0.13066, "std": 0.30811, "n_images": 4500},
        "search": {"best_params": {"lr": 0.001}, "n_candidates": 128, "n_fits": 510, "strategy": "halving"},
    }
    return Measurements(**values | changes)


def committed_measurements() -> Measurements:
    """What the committed files say was measured on MNIST; the baselines' predictions are not among them."""
    root = ROOT / "reproduction"
    names = load_systems(root / "params.yaml").systems
    return Measurements(
        systems={name: read_json(root / f"metrics/systems/{name}.json") for name in names},
        times={name: read_json(root / f"metrics/times/{name}.json") for name in names},
        baselines={},
        test_labels=MNIST_LABELS,
        n_train_images=60_000,
        pixels=read_json(ROOT / "metrics/normalize_stats.json"),
        search=read_json(root / "metrics/search.json"),
    )


def make_claim(value: str | list[str], unit: str = "percent", **keys: Any) -> Claim:
    number = [Printed(each) for each in value] if isinstance(value, list) else Printed(value)
    defaults = {"system": "okon", "quantity": "test_accuracy", "where": "Results", "protocol": "As stated."}
    return Claim(**defaults | keys, value=number, unit=unit)


# Of two sides, 95 %: Student's t with 1 and 2 degrees of freedom, and the normal distribution.
T1, T2, Z = 12.7062, 4.3027, 1.959964


def okon(*rights: int, **changes: Any) -> dict[str, Any]:
    """A system with a seed for each count of right answers of 100 a digit."""
    return make_system(
        "okon", *(make_run(seed, confusion_matrix(right)) for seed, right in enumerate(rights)), **changes
    )


THREE = make_measurements(okon(95, 96, 98))
ONE = make_measurements(okon(96))


def wilson(rate: float, n: int) -> tuple[float, float]:
    """By the formula of Wilson's paper."""
    middle = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return middle - half, middle + half
