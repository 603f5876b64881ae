"""What the papers' mistakes cost, in points of test accuracy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from digitrec.reproduction.measures import Measurements, mean_interval, paired_differences

# What was printed for LeNet is held against both.
LENETS = ("pham-lenet", "pham-googlenet")
# Variants that are told beside the system that they are of: what differs.
VARIANTS = {
    "okon-lr-1e-3": ("okon", "learning rate 0.001, as the text has it, not 0.0001, as the code has it"),
    "okon-summary": ("okon", "a third convolution of 3x3, which the printed summary's 160 inputs take, not 2x2"),
    "okon-kernel-3": ("okon", "first and second convolution of 3x3, not 5x5"),
    "okon-no-dropout": ("okon", "no dropout before the last layer"),
    "wang-no-dropout": ("wang", "no dropout"),
    "shah-no-augmentation": ("shah", "images as they are"),
    "shah-flips": ("shah", "half of the images mirrored too, which the report rules out"),
    "shah-nearest": ("shah", "augmentation by the nearest pixel and whole pixels, as torchvision has it by default"),
    "shah-dropout": ("shah", "one more dropout layer"),
    "shah-one-cycle": ("shah", "a learning rate that rises and falls, the first of the next steps named"),
    "shah-third-convolution": ("shah", "a third convolution, the second of them"),
    "shah-next-steps": ("shah", "both next steps"),
    "pham-mlp-two-layers": ("pham-mlp", "784-120-84-10, not 784-128-32-16-10"),
    "pham-lenet-lr-2e-2-own-weights": ("pham-lenet-lr-2e-2", "weights that start as PyTorch has it, not by Xavier"),
    "pham-lenet-lr-1e-2-own-weights": ("pham-lenet-lr-1e-2", "weights that start as PyTorch has it, not by Xavier"),
}


def system_difference(first: str, second: str, measurements: Measurements) -> dict[str, Any] | None:
    """Give the first system's test accuracy less the second's.

    Returns
    -------
    dict or None
        mean and interval (95 %, of the differences by seed; None for one seed) in points, seeds and shortened; None
        where there is no seed that both were run with.
    """
    differences = paired_differences(
        measurements.runs(first), measurements.runs(second), lambda run: 100 * run["test"]["accuracy"]
    )
    if not differences:
        return None
    return {
        "mean": float(np.mean(differences)),
        "interval": mean_interval(differences),
        "seeds": len(differences),
        "shortened": any(measurements.systems[name]["shortened"] for name in (first, second)),
    }


def choice_by_test(measurements: Measurements) -> dict[str, Any] | None:
    """Give the gain in reported test accuracy from choosing the epoch by the test set in place of the validation set.

    Of epochs that are equally good, the first is chosen.

    Returns
    -------
    dict or None
        mean, lowest and highest gain in points over all runs, runs, systems and shortened (whether any run is); None
        where no run has a validation set.
    """
    gains, systems = [], []
    for name, system in measurements.systems.items():
        histories = [run["history"] for run in system["runs"] if "valid_accuracy" in run["history"][0]]
        for history in histories:
            test, valid = ([row[f"{part}_accuracy"] for row in history] for part in ("test", "valid"))
            gains.append(100 * (max(test) - test[int(np.argmax(valid))]))
        if histories:
            systems.append(name)
    if not gains:
        return None
    return {
        "mean": float(np.mean(gains)),
        "lowest": min(gains),
        "highest": max(gains),
        "runs": len(gains),
        "systems": len(systems),
        "shortened": any(measurements.systems[name]["shortened"] for name in systems),
    }


def lenet_verdicts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Counter]:
    """Count the verdicts on the numbers printed for LeNet, by the network that they are held against.

    A number counts if it is held against both.
    """
    by_network: dict[str, dict[tuple, str]] = {network: {} for network in LENETS}
    for row in rows:
        for network in LENETS:
            if row["system"].startswith(network):
                key = (row["system"].removeprefix(network), row["epoch"], row["quantity"], row["unit"], row["printed"])
                by_network[network][key] = row["verdict"]
    both = set.intersection(*(set(verdicts) for verdicts in by_network.values()))
    return {network: Counter(verdicts[key] for key in both) for network, verdicts in by_network.items()}
