"""Fitting cells one by one with skorch, several at a time, one thread each."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import device_from_environment, scheduler_from_environment
from digitrec.pipeline.files import read_array
from digitrec.search.cells import Cell, Problem, trajectories
from digitrec.search.dispatch import run_tasks
from digitrec.training.classifier import ImageClassifier, build_classifier
from digitrec.training.hardening import hardening_callbacks

Outcome = tuple[float | None, str | None]
Finished = tuple[Cell, float | None, str | None]

# What scores depend on, besides what every problem's do.
MODULES = (sys.modules[__name__],)


class _ScoreAfter(Callback):
    """Score the test part of the fold after certain epochs."""

    def __init__(self, epochs: Sequence[int], rows: np.ndarray, labels: np.ndarray):
        self.epochs = epochs
        self.rows = rows
        self.labels = labels
        self.accuracy: dict[int, float] = {}

    def on_epoch_end(self, net: ImageClassifier, **kwargs: Any) -> None:
        epoch = len(net.history)
        if epoch in self.epochs:
            self.accuracy[epoch] = float(np.mean(net.predict(self.rows) == self.labels))


def fit_trajectory(problem: Problem, cells: Sequence[Cell], device: str | None) -> list[Outcome]:
    """Train once and score each cell after its number of epochs.

    Parameters
    ----------
    problem : Problem
    cells : sequence of Cell
        Alike but for `max_epochs`.
    device : str or None
        None takes the one that the environment of the process names.

    Returns
    -------
    list of (score, reason)
        Accuracy on the fold's test part; where the training failed, None and why.

    Raises
    ------
    DigitrecError
        When a GPU's memory is short.
    """
    # In the worker's own process; with more threads than one, parallel fits would wait for each other.
    torch.set_num_threads(1)
    images, labels = read_array(problem.images), read_array(problem.labels)
    longest = max(cells, key=lambda cell: cell.candidate.max_epochs)
    train_labels = labels[longest.train].astype(np.int64)
    scores = _ScoreAfter([cell.candidate.max_epochs for cell in cells], longest.test, labels[longest.test])
    reason = None
    try:
        classifier = build_classifier(
            problem.training(longest.candidate, problem.fit_seed(len(longest.train))),
            problem.image,
            images=images,
            train_labels=train_labels,
            device=device or device_from_environment(),
            callbacks=[*hardening_callbacks(problem.recipe), ("score", scores)],
            verbose=0,
        )
        classifier.fit(longest.train, train_labels)
    except torch.OutOfMemoryError as error:
        # It passes, so it is no result to be kept.
        raise DigitrecError(
            "a GPU's memory is short. What was finished is kept; run the same command again, with fewer at a time "
            "(DIGITREC_JOBS), or without the largest networks and batches in params.yaml."
        ) from error
    except (DigitrecError, RuntimeError, ValueError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}"
    return [
        (scores.accuracy[epochs], None) if epochs in scores.accuracy else (None, reason) for epochs in scores.epochs
    ]


def fit_cells(problem: Problem, cells: Sequence[Cell], jobs: int, device: str) -> Iterator[list[Finished]]:
    """Fit cells in parallel and yield those of a training when it is done: the cell, its score, or why it has none."""
    groups = trajectories(cells, problem.recipe)
    there = None if scheduler_from_environment() else device
    tasks = [(problem, group, there) for group in groups]
    for number, outcomes in run_tasks(fit_trajectory, tasks, jobs, problem.data_version):
        if isinstance(outcomes, DigitrecError):
            outcomes = [(None, str(outcomes))] * len(groups[number])
        yield [(cell, *outcome) for cell, outcome in zip(groups[number], outcomes, strict=True)]
