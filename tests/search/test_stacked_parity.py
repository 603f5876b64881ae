"""The stacked engine's losses, step by step, against those of the classifier that trains one network."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from digitrec.images import Normalization
from digitrec.params import Recipe
from digitrec.search.cells import Cell, Problem
from digitrec.search.stacked_network import StackedNetwork
from digitrec.search.stacked_training import Member, StackedTraining
from digitrec.seeding import derive_seed
from digitrec.training import DigitClassifier, build_classifier
from tests.tiny import MODERN, NORMALIZATION, PAPER, PLAIN, SMALL_MNISTNET, small_problem, some_digits

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
    get_loss = DigitClassifier.get_loss

    def recording(self: DigitClassifier, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = get_loss(self, logits, labels)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(DigitClassifier, "get_loss", recording)
    return losses


def alone(problem: Problem, cell: Cell) -> DigitClassifier:
    """Train a cell as the skorch engine does."""
    images, labels = some_digits(N_TRAIN + 100)
    classifier = build_classifier(
        problem.model,
        cell.architecture,
        **{key: cell.params[key] for key in ("lr", "max_epochs", "batch_size", "optimizer")},
        recipe=problem.recipe,
        normalization=NORMALIZATION,
        seed=derive_seed(problem.seed, "search", len(cell.train)),
        images=images,
        validate=False,
        verbose=0,
    )
    return classifier.fit(cell.train, labels[cell.train])


def stacked(problem: Problem, cells: Sequence[Cell]) -> tuple[np.ndarray, torch.Tensor]:
    """Train cells as one stack; their losses, of shape (steps, cells), and weights, of shape (cells, parameters)."""
    losses = []

    def recording(step: object, generator: torch.Generator) -> object:
        def record(*batch: torch.Tensor) -> torch.Tensor:
            losses.append(step(*batch))
            return losses[-1]

        return record

    training = StackedTraining(problem, *some_digits(N_TRAIN + 100), [Member([cell]) for cell in cells], "cpu")
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


def cells_of(network: dict, optimizers: Sequence[str] = ("adam", "rmsprop"), **changes: object) -> list[Cell]:
    params = {"lr": 0.0001, "max_epochs": 5, "batch_size": 32} | changes | network
    return [Cell(params | {"optimizer": name}, TRAIN, TEST) for name in optimizers]


@pytest.mark.parametrize("nonlinearity", ["relu", "softmax"])
@pytest.mark.parametrize("out_units", [20, 30])
@pytest.mark.parametrize("fout_units", [40, 50])
def test_every_network_of_okons_grid_has_the_same_losses_over_200_steps(
    tmp_path: Path, recorded: list[float], nonlinearity: str, out_units: int, fout_units: int
) -> None:
    # At the grid's higher rate, 0.001, rounding grows: the classifier itself, with its first weights changed by half of
    # their last bit, is 10 % off its own losses within 50 steps of RMSprop. That rate is compared in double precision.
    problem = small_problem(tmp_path, N_TRAIN + 100, "mnistnet", PAPER)
    network = {"num_units": 10, "out_units": out_units, "fout_units": fout_units, "nonlinearity": nonlinearity}
    assert_same_losses(problem, cells_of(network), recorded, 200, rtol=1e-4)


@pytest.fixture
def _double_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    normalize = Normalization.__call__
    monkeypatch.setattr(Normalization, "__call__", lambda self, images: normalize(self, images).double())
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
        SMALL_MNISTNET | {"nonlinearity": nonlinearity}, ("adam", "rmsprop", "sgd"), lr=0.001, max_epochs=3
    )
    assert_same_losses(problem, cells, recorded, 120, rtol=1e-6)


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
    params = {"lr": 0.003, "max_epochs": 1, "batch_size": 64} | SMALL_MNISTNET
    cells = [Cell(params | {"optimizer": name}, *fold) for name in ("adam", "rmsprop") for fold in folds]
    assert_same_losses(problem, cells[:-1], recorded, 10, rtol=1e-6)


@pytest.mark.usefixtures("_double_precision")
def test_auxiliary_classifiers_and_batch_normalization_are_the_same(tmp_path: Path, recorded: list[float]) -> None:
    problem = small_problem(tmp_path, N_TRAIN + 100, "best", PLAIN)
    cells = [
        Cell({"lr": 0.003, "max_epochs": 2, "batch_size": 32, "optimizer": "sgd", "columns": 2, "width": 4}, *fold)
        for fold in [(np.arange(96), np.arange(96, 200)), (np.arange(60, 156), np.arange(60))]
    ]
    losses, weights = stacked(problem, cells)
    for column, row, cell in zip(losses.T, weights, cells, strict=True):
        recorded.clear()
        classifier = alone(problem, cell)
        # Its two columns' losses stand one after the other. It gives them in single precision.
        np.testing.assert_allclose(column, recorded[::2], rtol=1e-4)
        # Of these losses, the first does not depend on the second column's training.
        torch.testing.assert_close(row, StackedNetwork([classifier.module_]).weights[0], rtol=1e-4, atol=1e-5)
