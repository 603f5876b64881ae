"""Training a stack of candidates: the loop of `training.DigitClassifier`, for many networks at once."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from digitrec.errors import DigitrecError, TrainingDiverged
from digitrec.images import Augmentation, Batches, augmentation_of
from digitrec.search.cells import Cell, Problem
from digitrec.search.stacked_network import StackedNetwork
from digitrec.search.stacked_optimizers import stacked_optimizer
from digitrec.seeding import derive_seed
from digitrec.training import AUXILIARY_WEIGHT, EVALUATION_BATCH_SIZE, OPTIMIZERS, build_module, one_cycle

Outcome = tuple[float | None, str | None]
Step = Callable[[Tensor, Tensor, Tensor], Tensor]
Capture = Callable[[Step, torch.Generator], Step]


class Member:
    """One training: cells that are alike but for `max_epochs`."""

    def __init__(self, cells: Sequence[Cell]):
        self.cells = cells
        self.longest = max(cells, key=lambda cell: cell.params["max_epochs"])
        self.epochs = self.longest.params["max_epochs"]
        self.accuracy: dict[int, float] = {}
        self.reason: str | None = None

    @property
    def optimizer(self) -> str:
        return self.longest.params["optimizer"]

    def outcomes(self) -> list[Outcome]:
        """Give score or reason of each cell."""
        epochs = [cell.params["max_epochs"] for cell in self.cells]
        return [(self.accuracy[n], None) if n in self.accuracy else (None, self.reason) for n in epochs]


class Fold(NamedTuple):
    """The rows that some members train on and those that score them, and which members these are."""

    train: np.ndarray
    test: np.ndarray
    members: list[int]


class StackedTraining:
    """Members of one architecture, batch size and number of training images, in lock-step.

    Parameters
    ----------
    problem : Problem
    images, labels : array
        uint8 of shape (n, 28, 28) and integers of shape (n,).
    members : sequence of Member
    device : str
    """

    def __init__(
        self, problem: Problem, images: np.ndarray, labels: np.ndarray, members: Sequence[Member], device: str
    ):
        self.problem = problem
        self.recipe = problem.recipe
        self.images, self.labels = images, labels
        self.device = device
        # Members of one optimizer are neighbours, so that it works on a slice of the weights.
        self.members = sorted(members, key=lambda member: member.optimizer)
        first = self.members[0].longest
        self.batch_size = first.params["batch_size"]
        # As the `skorch` engine derives it: the same weights, batches and dropout in every candidate.
        self.seed = derive_seed(problem.seed, "search", len(first.train))
        torch.manual_seed(derive_seed(self.seed, "weights"))
        network = build_module(problem.model, first.architecture)
        self.network = StackedNetwork([network] * len(self.members), device)
        self.optimizers = {
            name: stacked_optimizer(name, self.network.weights[self._rows(name)], self.recipe.momentum)
            for name in OPTIMIZERS
            if any(member.optimizer == name for member in self.members)
        }
        self.totals = torch.zeros(len(self.members), device=device)

    def run(self, capture: Capture | None = None) -> Iterator[None]:
        """Train all members to their end and note their scores, as `train` has it."""
        step = capture(self.step, self.network.generator) if capture else self.step
        for epoch in range(1, max(member.epochs for member in self.members) + 1):
            yield from self._train(epoch, step)
            self._check_losses(epoch)
            self._score(epoch)
            going_on = [row for row, member in enumerate(self.members) if not member.reason and member.epochs > epoch]
            if not going_on:
                return
            if len(going_on) < len(self.members):
                self._keep(going_on)
                step = capture(self.step, self.network.generator) if capture else self.step

    def step(self, images: Tensor, labels: Tensor, rates: Tensor) -> Tensor:
        """Train all members on a batch each.

        Parameters
        ----------
        images : Tensor
            float32 of shape (n, 1, 28, 28), the same for all members, or (n, members, 28, 28).
        labels : Tensor
            int64 of shape (n, 1) or (n, members).
        rates : Tensor
            float64 of shape (members,).

        Returns
        -------
        Tensor
            Losses before the step, float32 of shape (members,).
        """
        layers = {name: layer.requires_grad_() for name, layer in self.network.layers().items()}
        logits, *auxiliary = self.network(images, layers, training=True)
        losses = self._losses(logits, labels)
        total = sum((AUXILIARY_WEIGHT * self._losses(head, labels) for head in auxiliary), losses).sum()
        # A member's loss depends on its own weights alone, so the gradient of the sum holds each member's own.
        gradients = self.network.pack(torch.autograd.grad(total, list(layers.values()), materialize_grads=True))
        losses = losses.detach()
        for name, optimizer in self.optimizers.items():
            rows = self._rows(name)
            optimizer.step(self.network.weights[rows], gradients[rows], rates[rows])
        self.totals.add_(losses * len(images))
        return losses

    def _losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.recipe.loss_input == "softmax":
            logits = torch.softmax(logits, 2)
        n, members, _ = logits.shape
        losses = functional.cross_entropy(logits.flatten(0, 1), labels.expand(n, members).flatten(), reduction="none")
        return losses.view(n, members).mean(0)

    def _rows(self, optimizer: str) -> slice:
        names = [member.optimizer for member in self.members]
        return slice(names.index(optimizer), names.index(optimizer) + names.count(optimizer))

    def _folds(self) -> list[Fold]:
        folds: dict[tuple[bytes, bytes], Fold] = {}
        for row, member in enumerate(self.members):
            train, test = member.longest.train, member.longest.test
            folds.setdefault((train.tobytes(), test.tobytes()), Fold(train, test, [])).members.append(row)
        return list(folds.values())

    def _batches(self, rows: np.ndarray, batch_size: int, epoch: int | None = None) -> Batches:
        generator = None
        if epoch is not None:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "batches", epoch))
        augmentation = Augmentation() if epoch is None else augmentation_of(self.recipe)
        normalization = self.problem.normalization
        return Batches(self.images, self.labels, rows, batch_size, normalization, augmentation, generator, self.device)

    def _train(self, epoch: int, step: Step) -> Iterator[None]:
        self.network.generator.manual_seed(derive_seed(self.seed, "dropout", epoch))
        self.totals.zero_()
        folds = self._folds()
        rates = self._rates(epoch)
        batches = zip(*(self._batches(fold.train, self.batch_size, epoch) for fold in folds), strict=True)
        fold_of = torch.empty(len(self.members), dtype=torch.int64)
        for number, fold in enumerate(folds):
            fold_of[fold.members] = number
        fold_of = fold_of.to(self.device)
        for now, parts in zip(rates, batches, strict=True):
            images = torch.cat([images for images, _ in parts], 1)
            labels = torch.stack([labels for _, labels in parts], 1)
            if len(folds) > 1:
                images, labels = images[:, fold_of], labels[:, fold_of]
            step(images, labels, now)
            yield

    def _rates(self, epoch: int) -> Tensor:
        """Learning rates of the epoch, (steps, members)."""
        peaks = torch.tensor([member.longest.params["lr"] for member in self.members], dtype=torch.float64)
        n = math.ceil(len(self.members[0].longest.train) / self.batch_size)
        ratios = torch.ones(n, len(self.members), dtype=torch.float64)
        if self.recipe.schedule == "one_cycle":
            for row, member in enumerate(self.members):
                for step in range(n):
                    ratios[step, row] = one_cycle(((epoch - 1) * n + step) / (n * member.epochs))
        return (peaks * ratios).to(self.device)

    def _check_losses(self, epoch: int) -> None:
        losses = (self.totals / len(self.members[0].longest.train)).tolist()
        for member, loss in zip(self.members, losses, strict=True):
            if not math.isfinite(loss):
                params = member.longest.params
                error = TrainingDiverged(
                    f"training: the loss became {loss} in epoch {epoch} of {member.epochs} "
                    f"(lr={params['lr']}, batch_size={params['batch_size']}, optimizer={params['optimizer']}). "
                    "Nothing was written; try a smaller lr."
                )
                member.reason = f"{type(error).__name__}: {error}"

    @torch.no_grad()
    def _score(self, epoch: int) -> None:
        for fold in self._folds():
            rows = [row for row in fold.members if self._is_scored(self.members[row], epoch)]
            if not rows:
                continue
            layers = self.network.layers(rows)
            right = torch.zeros(len(rows), dtype=torch.int64, device=self.device)
            for images, labels in self._batches(fold.test, max(1, EVALUATION_BATCH_SIZE // len(rows))):
                (logits,) = self.network(images, layers, rows)
                right += (logits.argmax(2) == labels.unsqueeze(1)).sum(0)
            for row, count in zip(rows, right.tolist(), strict=True):
                self.members[row].accuracy[epoch] = count / len(fold.test)

    @staticmethod
    def _is_scored(member: Member, epoch: int) -> bool:
        return not member.reason and any(cell.params["max_epochs"] == epoch for cell in member.cells)

    def _keep(self, rows: list[int]) -> None:
        for name in list(self.optimizers):
            own = self._rows(name)
            kept = [row - own.start for row in rows if own.start <= row < own.stop]
            if kept:
                self.optimizers[name].keep(kept)
            else:
                del self.optimizers[name]
        self.network.keep(rows)
        self.totals = self.totals[rows]
        self.members = [self.members[row] for row in rows]


def train(
    problem: Problem,
    images: np.ndarray,
    labels: np.ndarray,
    members: Sequence[Member],
    device: str,
    capture: Capture | None = None,
) -> Iterator[None]:
    """Train a stack and note scores and reasons in its members.

    Parameters
    ----------
    problem, images, labels, members, device
        As `StackedTraining` has them.
    capture : callable or None
        ``capture(step, generator)`` makes what is called in place of a step that draws from the generator; anew
        whenever members have left.

    Yields
    ------
    None
        After each step, so that stacks can take turns.

    Raises
    ------
    torch.OutOfMemoryError
        When a GPU's memory is short. All else that goes wrong is noted as the members' reason.
    """
    try:
        yield from StackedTraining(problem, images, labels, members, device).run(capture)
    except torch.OutOfMemoryError:
        raise
    except (DigitrecError, RuntimeError, ValueError, ArithmeticError) as error:
        for member in members:
            member.reason = member.reason or f"{type(error).__name__}: {error}"
