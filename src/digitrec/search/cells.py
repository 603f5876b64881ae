"""What a search computes: the score of one candidate on one fold."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from digitrec import images, seeding, training
from digitrec.artifacts import read_array
from digitrec.fingerprint import fingerprint
from digitrec.hardening import hardening_modules
from digitrec.images import Normalization
from digitrec.params import Recipe

# Of a candidate's parameters, those that say how to train; the others are arguments of the network.
TRAINING_PARAMETERS = ("lr", "max_epochs", "batch_size", "optimizer")


@dataclass(frozen=True)
class Problem:
    """What all cells of a search share.

    Parameters
    ----------
    images, labels : Path
        `.npy` files, uint8 of shape (n, 28, 28) and (n,): every worker opens them itself.
    model : str
        A file in `models/`.
    recipe : Recipe
    normalization : Normalization
    seed : int
    """

    images: Path
    labels: Path
    model: str
    recipe: Recipe
    normalization: Normalization
    seed: int

    def fingerprint(self, engine_modules: Sequence[ModuleType]) -> str:
        """Hash everything that a score depends on besides the candidate and the fold: settings, data, code."""
        settings = {
            "model": self.model,
            "recipe": self.recipe.model_dump(),
            "mean": self.normalization.mean,
            "std": self.normalization.std,
            "seed": self.seed,
        }
        network = training.find_model(self.model)
        modules = (images, seeding, training, network, *engine_modules, *hardening_modules(self.recipe))
        return fingerprint(settings, modules, (read_array(self.images), read_array(self.labels)))


@dataclass(frozen=True)
class Cell:
    """One candidate on one fold.

    Parameters
    ----------
    params : mapping
        The candidate: training parameters and arguments of the network.
    train, test : array
        Row numbers, int64.
    """

    params: Mapping[str, Any]
    train: np.ndarray
    test: np.ndarray

    def key(self, fingerprint: str) -> str:
        """Name the cell by all that its score depends on."""
        params = json.dumps(dict(self.params), sort_keys=True)
        digest = hashlib.sha256(f"{fingerprint}\n{params}\n".encode())
        digest.update(len(self.train).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(self.train, np.int64))
        digest.update(np.ascontiguousarray(self.test, np.int64))
        return digest.hexdigest()[:32]

    @property
    def architecture(self) -> dict[str, Any]:
        return {key: value for key, value in self.params.items() if key not in TRAINING_PARAMETERS}

    @property
    def work(self) -> int:
        """Images that the fit passes through the network."""
        return len(self.train) * self.params["max_epochs"]


def trajectories(cells: Sequence[Cell], recipe: Recipe) -> list[list[Cell]]:
    """Group cells that are one and the same training, scored after different numbers of epochs.

    Parameters
    ----------
    cells : sequence of Cell
    recipe : Recipe
        Under a constant learning rate the first epochs do not depend on how many follow. Under a one-cycle schedule
        they do, so there every cell stays alone.

    Returns
    -------
    list of list of Cell
        The longest trainings first, so that no worker is left with a long one at the end.
    """
    groups: dict[Any, list[Cell]] = {}
    for number, cell in enumerate(cells):
        if recipe.schedule == "constant":
            others = {key: value for key, value in cell.params.items() if key != "max_epochs"}
            name = (json.dumps(others, sort_keys=True), cell.train.tobytes(), cell.test.tobytes())
        else:
            name = number
        groups.setdefault(name, []).append(cell)
    return sorted(groups.values(), key=lambda group: -max(cell.work for cell in group))
