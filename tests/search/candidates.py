"""Candidates and searches for tests."""

from typing import Any

import numpy as np

from digitrec.search.cells import Cell
from digitrec.spec import Hyperparameters, SearchSpec

CANDIDATE = Hyperparameters(
    lr=0.003, max_epochs=2, batch_size=32, optimizer="adam", architecture={"hidden_1": 16, "hidden_2": 8}
)
ROWS = np.random.default_rng(0).permutation(300)
TRAIN, TEST = ROWS[:200], ROWS[200:]


def candidate(**changes: Any) -> Hyperparameters:
    """CANDIDATE with other training parameters, or other arguments of the network."""
    architecture = {key: changes.pop(key) for key in list(changes) if key not in Hyperparameters.model_fields}
    changed = CANDIDATE.model_copy(update=changes)
    return changed.model_copy(update={"architecture": {**changed.architecture, **architecture}})


def cell(train: np.ndarray = TRAIN, test: np.ndarray = TEST, **changes: Any) -> Cell:
    return Cell(candidate(**changes), train, test)


def search_spec(architecture: dict[str, list] | None = None, **changes: Any) -> SearchSpec:
    """Four candidates of the small network on two folds; keywords change settings, or values of the space."""
    settings: dict[str, Any] = {
        "strategy": "grid",
        "engine": "skorch",
        "max_fits": 10_000,
        "cv": 2,
        "factor": 2,
        "min_images": 75,
        "max_images": 300,
        "space": {"lr": [0.0001, 0.003], "max_epochs": [1, 2], "batch_size": [32], "optimizer": ["adam"]},
        "architecture": {"hidden_1": [16], "hidden_2": [8]} if architecture is None else architecture,
    }
    space = {key: changes.pop(key) for key in settings["space"] if key in changes}
    return SearchSpec(**settings | changes | {"space": settings["space"] | space})
