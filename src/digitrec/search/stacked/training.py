"""Training a stack of candidates: the loop of `classifier.ImageClassifier`, for many networks at once."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from digitrec.data.batches import Batches
from digitrec.errors import DigitrecError, TrainingDiverged
from digitrec.pipeline.seeding import derive_seed
from digitrec.search.cells import Problem
from digitrec.search.stacked.members import Member, folds_of
from digitrec.search.stacked.network import StackedNetwork
from digitrec.search.stacked.optimizers import stacked_optimizer
from digitrec.training.classifier import EVALUATION_BATCH_SIZE
from digitrec.training.network import build_network
from digitrec.training.schedule import (
    AUXILIARY_WEIGHT,
    OPTIMIZERS,
    check_loss,
    class_weights,
    learning_rate_ratio,
    multiplying,
)
from digitrec.transforms.augmentation import NO_AUGMENTATION, augmentation_of

Step = Callable[[Tensor, Tensor, Tensor], Tensor]
Capture = Callable[[Step, torch.Generator], Step]


class StackedTraining:
    """Members of one architecture, batch size and number of training images, in lock-step.

    Parameters
    ----------
    problem : Problem
    images, labels : array
        uint8 of shape (n, height, width, channels) and integers of shape (n,).
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
        self.members = sorted(members, key=lambda member: member.candidate.optimizer)
        first = self.members[0].longest
        self.batch_size = first.candidate.batch_size
        # As the `skorch` engine has it: the same weights, batches and dropout in every candidate.
        self.seed = problem.fit_seed(len(first.train))
        torch.manual_seed(derive_seed(self.seed, "weights"))
        network = build_network(problem.model, first.candidate.architecture, problem.image, problem.normalization)
        self.normalize = network.normalize.to(device)
        self.network = StackedNetwork([network.layers] * len(self.members), device)
        self.class_weights = self._class_weights()
        self.optimizers = {
            name: stacked_optimizer(name, self.network.weights[self._rows(name)], self.recipe.momentum)
            for name in OPTIMIZERS
            if any(member.candidate.optimizer == name for member in self.members)
        }
        self.totals = torch.zeros(len(self.members), device=device)

    def _class_weights(self) -> Tensor | None:
        """What an image of each class counts in each member's loss, (members, classes)."""
        rows = []
        for member in self.members:
            labels = torch.from_numpy(self.labels[member.longest.train].astype(np.int64))
            weights = class_weights(labels, self.problem.image.n_classes, self.recipe)
            if weights is None:
                return None
            rows.append(weights)
        return torch.stack(rows).to(self.device)

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
            Normalized, float32 of shape (n, channels, height, width), the same for all members, or
            (n, members * channels, height, width).
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
        with multiplying(self.recipe, self.device):
            outputs = self.network(images, layers, training=True)
        logits, *auxiliary = (output.float() for output in outputs)
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
        labels = labels.expand(n, members)
        losses = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(n, members)
        if self.class_weights is None:
            return losses.mean(0)
        counts = self.class_weights.gather(1, labels.T).T
        return (losses * counts).sum(0) / counts.sum(0)

    def _rows(self, optimizer: str) -> slice:
        names: list[str] = [member.candidate.optimizer for member in self.members]
        return slice(names.index(optimizer), names.index(optimizer) + names.count(optimizer))

    def _batches(self, rows: np.ndarray, batch_size: int, epoch: int | None = None) -> Batches:
        generator = None
        if epoch is not None:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "batches", epoch))
        augmentation = NO_AUGMENTATION if epoch is None else augmentation_of(self.recipe)
        return Batches(self.images, self.labels, rows, batch_size, augmentation, generator, self.device)

    def _train(self, epoch: int, step: Step) -> Iterator[None]:
        self.network.generator.manual_seed(derive_seed(self.seed, "dropout", epoch))
        self.totals.zero_()
        folds = folds_of(self.members)
        rates = self._rates(epoch)
        batches = zip(*(self._batches(fold.train, self.batch_size, epoch) for fold in folds), strict=True)
        fold_of = torch.empty(len(self.members), dtype=torch.int64)
        for number, fold in enumerate(folds):
            fold_of[fold.members] = number
        fold_of = fold_of.to(self.device)
        for now, parts in zip(rates, batches, strict=True):
            images = torch.stack([self.normalize(pixels) for pixels, _ in parts], 1)
            labels = torch.stack([labels for _, labels in parts], 1)
            if len(folds) > 1:
                images, labels = images[:, fold_of], labels[:, fold_of]
            step(images.flatten(1, 2), labels, now)
            yield

    def _rates(self, epoch: int) -> Tensor:
        """Learning rates of the epoch, float64 of shape (steps, members)."""
        n = len(self._batches(self.members[0].longest.train, self.batch_size, epoch))
        rates = [
            [
                member.candidate.lr * learning_rate_ratio(self.recipe, step / (n * member.epochs))
                for member in self.members
            ]
            for step in range((epoch - 1) * n, epoch * n)
        ]
        return torch.tensor(rates, dtype=torch.float64, device=self.device)

    def _check_losses(self, epoch: int) -> None:
        losses = (self.totals / len(self.members[0].longest.train)).tolist()
        for member, loss in zip(self.members, losses, strict=True):
            try:
                chosen = member.candidate
                check_loss(loss, epoch, chosen.max_epochs, chosen.lr, chosen.batch_size, chosen.optimizer)
            except TrainingDiverged as error:
                member.reason = f"{type(error).__name__}: {error}"

    @torch.no_grad()
    def _score(self, epoch: int) -> None:
        for fold in folds_of(self.members):
            rows = [row for row in fold.members if self.members[row].is_scored(epoch)]
            if not rows:
                continue
            layers = self.network.layers(rows)
            right = torch.zeros(len(rows), dtype=torch.int64, device=self.device)
            for pixels, labels in self._batches(fold.test, max(1, EVALUATION_BATCH_SIZE // len(rows))):
                (logits,) = self.network(self.normalize(pixels), layers, rows)
                right += (logits.argmax(2) == labels.unsqueeze(1)).sum(0)
            for row, count in zip(rows, right.tolist(), strict=True):
                self.members[row].accuracy[epoch] = count / len(fold.test)

    def _keep(self, rows: list[int]) -> None:
        for name in list(self.optimizers):
            own = self._rows(name)
            kept = [row - own.start for row in rows if own.start <= row < own.stop]
            if kept:
                self.optimizers[name].keep(kept)
            else:
                del self.optimizers[name]
        self.network.keep(rows)
        if self.class_weights is not None:
            self.class_weights = self.class_weights[rows]
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
