"""What a search computes: the score of one candidate on one fold."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Problem:
    """What all cells of a search share.

    Parameters
    ----------
    images, labels : Path
        `.npy` files, uint8 of shape (n, 28, 28) and (n,): every worker opens them itself. Those that lie in the
        project's folder become, on another machine, those of the project's folder there.
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

    def data_version(self) -> str:
        """Name the images and labels that lie there now."""
        return ".".join(_hash_array(path, _modified(path)) for path in (self.images, self.labels))

    def __reduce__(self) -> tuple:
        # The file itself may be a link into DVC's cache.
        files = [path.parent.resolve() / path.name for path in (self.images, self.labels)]
        files = [path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path for path in files]
        return _problem_here, (*files, self.model, self.recipe, self.normalization, self.seed)


def _modified(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


# A worker asks before each of its tasks.
@lru_cache(maxsize=4)
def _hash_array(path: Path, modified: int | None) -> str:
    array = read_array(path)
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()[:12]


def _problem_here(images: Path, labels: Path, *settings: Any) -> Problem:
    # An absolute path stays what it is.
    return Problem(PROJECT / images, PROJECT / labels, *settings)


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

    def __reduce__(self) -> tuple:
        return _unpack_cell, (dict(self.params), _pack(self.train), _pack(self.test))

    @property
    def architecture(self) -> dict[str, Any]:
        return {key: value for key, value in self.params.items() if key not in TRAINING_PARAMETERS}

    @property
    def work(self) -> int:
        """Images that the fit passes through the network."""
        return len(self.train) * self.params["max_epochs"]


def _pack(rows: np.ndarray) -> tuple[np.ndarray, bool]:
    """Put row numbers into few bytes: bits where they ascend and that is shorter, else the smallest integers."""
    last = int(rows.max(initial=0))
    numbers = rows.astype(np.min_scalar_type(last))
    if np.all(rows[1:] > rows[:-1]) and last // 8 + 1 < numbers.nbytes:
        return np.packbits(np.bincount(rows, minlength=last + 1).astype(bool)), True
    return numbers, False


def _unpack_cell(params: dict[str, Any], *packed: tuple[np.ndarray, bool]) -> Cell:
    rows = [np.flatnonzero(np.unpackbits(numbers)) if bits else numbers for numbers, bits in packed]
    return Cell(params, *(numbers.astype(np.int64) for numbers in rows))


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
