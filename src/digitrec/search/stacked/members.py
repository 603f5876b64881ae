"""Members of a stack: trainings, and the folds that they share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digitrec.search.cells import Cell
from digitrec.search.skorch_engine import Outcome


class Member:
    """One training: cells that are alike but for `max_epochs`.

    Parameters
    ----------
    cells : sequence of Cell

    Attributes
    ----------
    accuracy : dict of int to float
        After each number of epochs that was asked for.
    reason : str or None
        Why the training failed, if it did.
    """

    def __init__(self, cells: Sequence[Cell]):
        self.cells = cells
        self.longest = max(cells, key=lambda cell: cell.candidate.max_epochs)
        self.candidate = self.longest.candidate
        self.accuracy: dict[int, float] = {}
        self.reason: str | None = None

    @property
    def epochs(self) -> int:
        return self.candidate.max_epochs

    def is_scored(self, epoch: int) -> bool:
        """Whether one of the cells asks for the accuracy after that epoch."""
        return not self.reason and any(cell.candidate.max_epochs == epoch for cell in self.cells)

    def outcomes(self) -> list[Outcome]:
        """Give score or reason of each cell."""
        epochs = [cell.candidate.max_epochs for cell in self.cells]
        return [(self.accuracy[n], None) if n in self.accuracy else (None, self.reason) for n in epochs]


class Fold(NamedTuple):
    """The rows that some members train on and those that score them, and which members these are."""

    train: np.ndarray
    test: np.ndarray
    members: list[int]


def folds_of(members: Sequence[Member]) -> list[Fold]:
    """Part members by their rows."""
    folds: dict[tuple[bytes, bytes], Fold] = {}
    for row, member in enumerate(members):
        train, test = member.longest.train, member.longest.test
        folds.setdefault((train.tobytes(), test.tobytes()), Fold(train, test, [])).members.append(row)
    return list(folds.values())
