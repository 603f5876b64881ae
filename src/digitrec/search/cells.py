"""What a search computes: the score of one candidate on one fold."""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from digitrec.pipeline.files import read_array
from digitrec.pipeline.fingerprint import fingerprint
from digitrec.pipeline.seeding import derive_seed
from digitrec.spec import Hyperparameters, ImageSpec, Normalization, Recipe, TrainingSpec
from digitrec.training.fit import TRAINING_MODULES
from digitrec.training.hardening import hardening_modules
from digitrec.training.network import find_model

PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Problem:
    """What all cells of a search share.

    Parameters
    ----------
    images, labels : Path
        `.npy` files, uint8 of shape (n, height, width, channels) and integers of shape (n,): every worker opens them
        itself. Those that lie in the project's folder become, on another machine, those of the project's folder there.
    image : ImageSpec
    model : str
        A file in `models/`.
    recipe : Recipe
    normalization : Normalization
    seed : int
    """

    images: Path
    labels: Path
    image: ImageSpec
    model: str
    recipe: Recipe
    normalization: Normalization
    seed: int

    def training(self, candidate: Hyperparameters, seed: int) -> TrainingSpec:
        """Put together all that a fit of a candidate depends on but the rows."""
        return TrainingSpec(
            **dict(candidate), model=self.model, recipe=self.recipe, normalization=self.normalization, seed=seed
        )

    def fit_seed(self, n_images: int) -> int:
        """Derive the seed of fits on so many images.

        It is the same in every candidate: differences of scores are then not differences of luck.
        """
        return derive_seed(self.seed, "search", n_images)

    def fingerprint(self, engine_modules: Sequence[ModuleType], device_kinds: Sequence[str]) -> str:
        """Hash everything that a score depends on besides the candidate and the fold: settings, data, code, devices.

        Parameters
        ----------
        engine_modules : sequence of module
            `MODULES` of the engine.
        device_kinds : sequence of str
            Of where the fits run, as `dispatch.device_kinds` gives them.
        """
        settings = {
            "image": self.image.model_dump(mode="json"),
            "model": self.model,
            "recipe": self.recipe.model_dump(mode="json"),
            "normalization": self.normalization.model_dump(mode="json"),
            "seed": self.seed,
            "device_kinds": sorted(device_kinds),
        }
        modules = (
            sys.modules[__name__],
            *TRAINING_MODULES,
            find_model(self.model),
            *engine_modules,
            *hardening_modules(self.recipe),
        )
        return fingerprint(settings, modules, (read_array(self.images), read_array(self.labels)))

    def data_version(self) -> str:
        """Name the images and labels that lie there now."""
        return ".".join(_hash_array(path, _modified(path)) for path in (self.images, self.labels))

    def __reduce__(self) -> tuple:
        # The file itself may be a link into DVC's cache.
        files = [path.parent.resolve() / path.name for path in (self.images, self.labels)]
        files = [path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path for path in files]
        return _problem_here, (*files, self.image, self.model, self.recipe, self.normalization, self.seed)


def _modified(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


# A worker asks before each of its tasks.
@lru_cache(maxsize=4)
def _hash_array(path: Path, modified: int | None) -> str:
    array = read_array(path)
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:12]


def _problem_here(images: Path, labels: Path, *settings: Any) -> Problem:
    # An absolute path stays what it is.
    return Problem(PROJECT / images, PROJECT / labels, *settings)


@dataclass(frozen=True)
class Cell:
    """One candidate on one fold.

    Parameters
    ----------
    candidate : Hyperparameters
    train, test : array
        Row numbers, int64.
    """

    candidate: Hyperparameters
    train: np.ndarray
    test: np.ndarray

    def key(self, fingerprint: str) -> str:
        """Name the cell by all that its score depends on."""
        candidate = json.dumps(self.candidate.model_dump(mode="json"), sort_keys=True)
        digest = hashlib.sha256(f"{fingerprint}\n{candidate}\n".encode())
        digest.update(len(self.train).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(self.train, np.int64).data)
        digest.update(np.ascontiguousarray(self.test, np.int64).data)
        return digest.hexdigest()[:32]

    def __reduce__(self) -> tuple:
        return _unpack_cell, (self.candidate.model_dump_json(), _pack(self.train), _pack(self.test))

    @property
    def work(self) -> int:
        """Images that the fit passes through the network."""
        return len(self.train) * self.candidate.max_epochs


def _pack(rows: np.ndarray) -> tuple[np.ndarray, bool]:
    """Put row numbers into few bytes: bits where they ascend and that is shorter, else the smallest integers."""
    last = int(rows.max(initial=0))
    numbers = rows.astype(np.min_scalar_type(last))
    if np.all(rows[1:] > rows[:-1]) and last // 8 + 1 < numbers.nbytes:
        return np.packbits(np.bincount(rows, minlength=last + 1).astype(bool)), True
    return numbers, False


def _unpack_cell(candidate: str, *packed: tuple[np.ndarray, bool]) -> Cell:
    rows = [np.flatnonzero(np.unpackbits(numbers)) if bits else numbers for numbers, bits in packed]
    return Cell(Hyperparameters.model_validate_json(candidate), *(numbers.astype(np.int64) for numbers in rows))


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
        name: Any = number
        if recipe.schedule == "constant":
            others = cell.candidate.model_dump(mode="json", exclude={"max_epochs"})
            name = (json.dumps(others, sort_keys=True), cell.train.tobytes(), cell.test.tobytes())
        groups.setdefault(name, []).append(cell)
    return sorted(groups.values(), key=lambda group: -max(cell.work for cell in group))
