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
    "wang-no-dropout": ("wang", "no dropout"),
    "shah-no-augmentation": ("shah", "images as they are"),
    "shah-dropout": ("shah", "one more dropout layer"),
    "shah-next-steps": ("shah", "the next steps named: a learning rate that rises and falls, a third convolution"),
    "pham-mlp-two-layers": ("pham-mlp", "784-120-84-10, not 784-128-32-16-10"),
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
                key = (row["system"].removeprefix(network), row["quantity"], row["unit"], row["printed"])
                by_network[network][key] = row["verdict"]
    both = set.intersection(*(set(verdicts) for verdicts in by_network.values()))
    return {network: Counter(verdicts[key] for key in both) for network, verdicts in by_network.items()}
