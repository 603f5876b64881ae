"""The stacked engine's losses, step by step, against those of the classifier that trains one network."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digitrec.data import batches
from digitrec.search.cells import Cell, Problem
from digitrec.search.stacked.members import Member
from digitrec.search.stacked.network import StackedNetwork
from digitrec.search.stacked.training import StackedTraining
from digitrec.spec import Hyperparameters, Recipe
from digitrec.training.classifier import ImageClassifier, build_classifier
from digitrec.transforms.pixels import to_pixels
from tests.tiny import COLOUR, MODERN, PAPER, PLAIN, SMALL_MNISTNET, small_problem

pytestmark = pytest.mark.slow
# 40 steps an epoch.
N_TRAIN = 1280
TRAIN, TEST = np.arange(N_TRAIN), np.arange(N_TRAIN, N_TRAIN + 100)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The losses that the classifier computes in training, of which each step's first is the network's own."""
    losses: list[float] = []
    get_loss = ImageClassifier.get_loss

    def recording(self: ImageClassifier, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = get_loss(self, logits, labels)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(ImageClassifier, "get_loss", recording)
    return losses


def alone(problem: Problem, cell: Cell) -> ImageClassifier:
    """Train a cell as the skorch engine does."""
    labels = np.load(problem.labels).astype(np.int64)[cell.train]
    classifier = build_classifier(
        problem.training(cell.candidate, problem.fit_seed(len(cell.train))),
        problem.image,
        images=np.load(problem.images),
        train_labels=labels,
        verbose=0,
    )
    return classifier.fit(cell.train, labels)


def stacked(problem: Problem, cells: Sequence[Cell]) -> tuple[np.ndarray, torch.Tensor]:
    """Train cells as one stack; their losses, of shape (steps, cells), and weights, of shape (cells, parameters)."""
    losses = []

    def recording(step: object, generator: torch.Generator) -> object:
        def record(*batch: torch.Tensor) -> torch.Tensor:
            losses.append(step(*batch))
            return losses[-1]

        return record

    arrays = np.load(problem.images), np.load(problem.labels)
    training = StackedTraining(problem, *arrays, [Member([cell]) for cell in cells], "cpu")
    place = {id(cell): number for number, cell in enumerate(cells)}
    order = [place[id(member.longest)] for member in training.members]
    for _ in training.run(recording):
        pass
    back = np.argsort(order)
    return torch.stack(losses).numpy()[:, back], training.network.weights[back]


def assert_same_losses(problem: Problem, cells: list[Cell], recorded: list[float], steps: int, rtol: float) -> None:
    losses, _ = stacked(problem, cells)
    assert losses.shape == (steps, len(cells))
    for column, cell in zip(losses.T, cells, strict=True):
        recorded.clear()
        alone(problem, cell)
        np.testing.assert_allclose(column, recorded, rtol=rtol)


def cells_of(network: dict, optimizers: Sequence[str] = ("adam", "rmsprop"), **changes: Any) -> list[Cell]:
    folds = changes.pop("folds", [(TRAIN, TEST)])
    params = {"lr": 0.0001, "max_epochs": 5, "batch_size": 32} | changes
    candidates = [Hyperparameters(**params, optimizer=name, architecture=network) for name in optimizers]
    return [Cell(candidate, *fold) for candidate in candidates for fold in folds]


@pytest.mark.parametrize("nonlinearity", ["relu", "softmax"])
@pytest.mark.parametrize(("out_units", "fout_units"), [(20, 50), (30, 40)])
def test_networks_of_okons_grid_have_the_same_losses_over_200_steps(
    tmp_path: Path, recorded: list[float], nonlinearity: str, out_units: int, fout_units: int
) -> None:
    # At the grid's higher rate, 0.001, rounding grows: the classifier itself, with its first weights changed by half of
    # their last bit, is 10 % off its own losses within 50 steps of RMSprop. That rate is compared in double precision.
    problem = small_problem(tmp_path, N_TRAIN + 100, "mnistnet", PAPER)
    network = {"num_units": 10, "out_units": out_units, "fout_units": fout_units, "nonlinearity": nonlinearity}
    assert_same_losses(problem, cells_of(network), recorded, 200, rtol=1e-4)


@pytest.fixture
def _double_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(batches, "to_pixels", lambda images, device: to_pixels(images, device).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_double_precision")
@pytest.mark.parametrize("nonlinearity", ["relu", "softmax"])
@pytest.mark.parametrize("recipe", [PAPER, PLAIN.model_copy(update={"momentum": 0.9})], ids=["paper", "plain"])
def test_at_the_higher_rate_the_losses_are_the_same_in_double_precision(
    tmp_path: Path, recorded: list[float], nonlinearity: str, recipe: Recipe
) -> None:
    problem = small_problem(tmp_path, N_TRAIN + 100, "mnistnet", recipe)
    cells = cells_of(
        SMALL_MNISTNET | {"nonlinearity": nonlinearity}, ("adam", "rmsprop", "sgd"), lr=0.001, max_epochs=2
    )
    assert_same_losses(problem, cells, recorded, 80, rtol=1e-6)


@pytest.mark.usefixtures("_double_precision")
def test_augmentation_and_the_one_cycle_schedule_are_the_same(tmp_path: Path, recorded: list[float]) -> None:
    recipe = MODERN.model_copy(update={"flagged_ones": 0.5})
    problem = small_problem(tmp_path, N_TRAIN + 100, "mlp", recipe)
    # The last batch is a smaller one.
    cells = cells_of({"hidden_1": 16, "hidden_2": 8}, lr=0.01, max_epochs=2, batch_size=60)
    assert_same_losses(problem, cells, recorded, 44, rtol=1e-6)


@pytest.mark.usefixtures("_double_precision")
def test_members_of_several_folds_have_the_losses_of_their_own(tmp_path: Path, recorded: list[float]) -> None:
    problem = small_problem(tmp_path, N_TRAIN + 100, "mnistnet", MODERN)
    folds = [(np.arange(640), np.arange(640, 700)), (np.arange(500, 1140), np.arange(90))]
    cells = cells_of(SMALL_MNISTNET, lr=0.003, max_epochs=1, batch_size=64, folds=folds)
    assert_same_losses(problem, cells[:-1], recorded, 10, rtol=1e-6)


def test_colour_images_and_balanced_classes_are_the_same(tmp_path: Path, recorded: list[float]) -> None:
    recipe = PLAIN.model_copy(update={"class_weight": "balanced", "flip": 0.5})
    problem = small_problem(tmp_path, 300, "mnistnet", recipe, image=COLOUR)
    # Of the first fold, the classes are not in the shares of the second.
    labels = np.load(problem.labels)
    uneven = np.sort(np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels)[:40]]))[:100]
    folds = [(uneven, np.arange(290, 300)), (np.arange(100, 200), np.arange(50))]
    cells = cells_of(SMALL_MNISTNET, max_epochs=3, folds=folds)
    assert_same_losses(problem, cells, recorded, 12, rtol=1e-4)


@pytest.mark.usefixtures("_double_precision")
def test_auxiliary_classifiers_and_batch_normalization_are_the_same(tmp_path: Path, recorded: list[float]) -> None:
    problem = small_problem(tmp_path, N_TRAIN + 100, "best", PLAIN)
    folds = [(np.arange(96), np.arange(96, 200)), (np.arange(60, 156), np.arange(60))]
    cells = cells_of({"columns": 2, "width": 4}, ["sgd"], lr=0.003, max_epochs=2, folds=folds)
    losses, weights = stacked(problem, cells)
    for column, row, cell in zip(losses.T, weights, cells, strict=True):
        recorded.clear()
        classifier = alone(problem, cell)
        # Its two columns' losses stand one after the other. It gives them in single precision.
        np.testing.assert_allclose(column, recorded[::2], rtol=1e-4)
        # Of these losses, the first does not depend on the second column's training.
        torch.testing.assert_close(row, StackedNetwork([classifier.module_.layers]).weights[0], rtol=1e-4, atol=1e-5)
