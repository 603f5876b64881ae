import itertools
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from torch import nn

from digitrec.models import mlp
from digitrec.pipeline.seeding import derive_seed
from digitrec.search.cells import Cell, Problem
from digitrec.search.skorch_engine import fit_cells, fit_trajectory
from digitrec.spec import ImageSpec, Recipe
from tests.search.candidates import TEST, TRAIN, cell
from tests.tiny import COLOUR, MODERN, PLAIN, SMALL_MNISTNET, small_classifier, small_problem, some_digits


def _fit(problem: Problem, cells: list[Cell], jobs: int = 1) -> list[tuple[float | None, str | None]]:
    """The outcomes in the order of the cells."""
    finished = itertools.chain.from_iterable(fit_cells(problem, cells, jobs, "cpu"))
    found = {id(each): (score, reason) for each, score, reason in finished}
    assert len(found) == len(cells)
    return [found[id(each)] for each in cells]


def _alone(problem: Problem, cells: list[Cell]) -> list[tuple[float | None, str | None]]:
    """The outcomes of cells that are each trained alone, in this process."""
    return [fit_trajectory(problem, [each], "cpu")[0] for each in cells]


@pytest.mark.parametrize("recipe", [PLAIN, MODERN], ids=["constant", "one_cycle"])
def test_the_score_of_a_cell_is_that_of_a_fit_by_hand(tmp_path: Path, recipe: Recipe) -> None:
    ((score, reason),) = _alone(small_problem(tmp_path, recipe=recipe), [cell()])
    images, labels = some_digits(300)
    classifier = small_classifier(
        "mlp",
        {"hidden_1": 16, "hidden_2": 8},
        recipe=recipe,
        lr=0.003,
        max_epochs=2,
        seed=derive_seed(0, "search", 200),
    )
    classifier.fit(images[TRAIN], labels[TRAIN])
    assert score == pytest.approx(float((classifier.predict(images[TEST]) == labels[TEST]).mean()))
    assert reason is None
    assert score > 0.3


def test_balanced_classes_weigh_by_the_images_that_are_trained_on(tmp_path: Path) -> None:
    recipe = PLAIN.model_copy(update={"class_weight": "balanced"})
    ((score, _),) = _alone(small_problem(tmp_path, recipe=recipe), [cell(max_epochs=4)])
    images, labels = some_digits(300)
    classifier = small_classifier(
        "mlp",
        {"hidden_1": 16, "hidden_2": 8},
        recipe=recipe,
        lr=0.003,
        max_epochs=4,
        seed=derive_seed(0, "search", 200),
        train_labels=labels[TRAIN],
    )
    classifier.fit(images[TRAIN], labels[TRAIN])
    assert score == pytest.approx(float((classifier.predict(images[TEST]) == labels[TEST]).mean()))


def test_colour_images_of_any_shape_are_fitted(tmp_path: Path) -> None:
    ((score, reason),) = _alone(small_problem(tmp_path, image=COLOUR), [cell()])
    assert reason is None
    assert score > 0.6


def test_an_argument_of_a_network_that_is_called_optimizer_is_the_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def build(image: ImageSpec, optimizer: str) -> nn.Module:
        given.append(optimizer)
        return mlp.build(image)

    model = ModuleType("digitrec.models.clashing")
    model.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, model.__name__, model)
    clashing = cell()
    clashing = Cell(clashing.candidate.model_copy(update={"architecture": {"optimizer": "mine"}}), TRAIN, TEST)
    ((score, reason),) = _alone(small_problem(tmp_path, model="clashing"), [clashing])
    assert given == ["mine"]
    assert reason is None
    assert score > 0.3


def test_cells_that_share_a_training_score_as_if_each_was_trained_alone(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="mnistnet")
    small = cell().candidate.model_copy(update={"architecture": SMALL_MNISTNET})
    cells = [Cell(small.model_copy(update={"max_epochs": epochs}), TRAIN, TEST) for epochs in (3, 1, 2)]
    together = fit_trajectory(problem, cells, "cpu")
    assert together == _alone(problem, cells)
    assert len({score for score, _ in together}) > 1


@pytest.mark.slow
def test_fits_do_not_depend_on_their_order_or_on_the_number_of_jobs(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    cells = [cell(lr=lr, max_epochs=epochs) for lr in (0.001, 0.01) for epochs in (1, 2)]
    alone = _alone(problem, cells)
    assert _fit(problem, cells) == alone
    assert _fit(problem, cells[::-1], jobs=2)[::-1] == alone


def test_another_seed_gives_another_score(tmp_path: Path) -> None:
    scores = {_alone(small_problem(tmp_path, seed=seed), [cell()])[0][0] for seed in range(3)}
    assert len(scores) > 1


def test_a_fit_that_diverges_has_no_score_but_a_reason_and_the_others_go_on(tmp_path: Path) -> None:
    good, bad = _fit(small_problem(tmp_path), [cell(), cell(lr=1e30)])
    assert good[0] > 0.3
    assert good[1] is None
    assert bad[0] is None
    assert bad[1].startswith("TrainingDiverged: training: the loss became")


def test_epochs_before_the_divergence_keep_their_scores(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    # Under SGD without a schedule this rate holds for an epoch of few steps.
    cells = [cell(lr=1e30, max_epochs=epochs, batch_size=200, optimizer="sgd") for epochs in (1, 5)]
    first, last = fit_trajectory(problem, cells, "cpu")
    assert first[0] is not None
    assert first[1] is None
    assert last[0] is None
    assert "in epoch 2 of 5" in last[1]


def test_an_error_of_the_network_is_a_reason(tmp_path: Path) -> None:
    ((score, reason),) = _alone(small_problem(tmp_path), [cell(hidden_1=-1)])
    assert score is None
    assert reason.startswith("ParamsError: ")
    assert "hidden_1=-1" in reason


def test_nothing_is_fitted_where_nothing_is_asked(tmp_path: Path) -> None:
    assert list(fit_cells(small_problem(tmp_path), [], 1, "cpu")) == []


def test_the_test_part_of_the_fold_does_not_change_the_training(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, recipe=PLAIN.model_copy(update={"class_weight": "balanced"}))
    whole, half = _alone(problem, [cell(), cell(test=TEST[:50])])
    rest = _alone(problem, [cell(test=TEST[50:])])[0]
    assert whole[0] == pytest.approx(np.mean([half[0], rest[0]]))
