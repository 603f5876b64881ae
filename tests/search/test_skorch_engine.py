import itertools
from pathlib import Path

import numpy as np
import pytest

from digitrec.search.cells import Cell, Problem
from digitrec.search.skorch_engine import fit_cells, fit_trajectory
from digitrec.seeding import derive_seed
from tests.tiny import MODERN, PLAIN, small_classifier, small_problem, some_digits

PARAMS = {"lr": 0.003, "max_epochs": 2, "batch_size": 32, "optimizer": "adam", "hidden_1": 16, "hidden_2": 8}
ROWS = np.random.default_rng(0).permutation(300)
TRAIN, TEST = ROWS[:200], ROWS[200:]


def _cell(train: np.ndarray = TRAIN, test: np.ndarray = TEST, **changes: object) -> Cell:
    return Cell(PARAMS | changes, train, test)


def _fit(problem: Problem, cells: list[Cell], jobs: int = 1) -> list[tuple[float | None, str | None]]:
    """The outcomes in the order of the cells."""
    finished = itertools.chain.from_iterable(fit_cells(problem, cells, jobs, "cpu"))
    found = {id(cell): (score, reason) for cell, score, reason in finished}
    assert len(found) == len(cells)
    return [found[id(cell)] for cell in cells]


@pytest.mark.parametrize("recipe", [PLAIN, MODERN], ids=["constant", "one_cycle"])
def test_the_score_of_a_cell_is_that_of_a_fit_by_hand(tmp_path: Path, recipe: object) -> None:
    ((score, reason),) = _fit(small_problem(tmp_path, recipe=recipe), [_cell()])
    images, labels = some_digits(300)
    classifier = small_classifier(
        "mlp",
        {"hidden_1": 16, "hidden_2": 8},
        recipe=recipe,
        lr=0.003,
        max_epochs=2,
        seed=derive_seed(0, "search", 200),
        validate=False,
    )
    classifier.fit(images[TRAIN], labels[TRAIN])
    assert score == pytest.approx(float((classifier.predict(images[TEST]) == labels[TEST]).mean()))
    assert reason is None
    assert score > 0.3


def test_cells_that_share_a_training_score_as_if_each_was_trained_alone(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="mnistnet")
    network = {"num_units": 4, "out_units": 6, "fout_units": 8}
    training = {key: PARAMS[key] for key in ("lr", "batch_size", "optimizer")}
    cells = [Cell({**training, **network, "max_epochs": epochs}, TRAIN, TEST) for epochs in (3, 1, 2)]
    together = fit_trajectory(problem, cells, "cpu")
    assert together == [fit_trajectory(problem, [cell], "cpu")[0] for cell in cells]
    assert len({score for score, _ in together}) > 1


def test_fits_do_not_depend_on_their_order_or_on_the_number_of_jobs(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    cells = [_cell(lr=lr, max_epochs=epochs) for lr in (0.001, 0.01) for epochs in (1, 2)]
    alone = _fit(problem, cells)
    assert _fit(problem, cells[::-1])[::-1] == alone
    assert _fit(problem, cells, jobs=2) == alone


def test_another_seed_or_network_gives_another_score(tmp_path: Path) -> None:
    scores = {_fit(small_problem(tmp_path, seed=seed), [_cell()])[0][0] for seed in range(3)}
    assert len(scores) > 1


def test_a_fit_that_diverges_has_no_score_but_a_reason_and_the_others_go_on(tmp_path: Path) -> None:
    good, bad = _fit(small_problem(tmp_path), [_cell(), _cell(lr=1e30)])
    assert good[0] > 0.3
    assert good[1] is None
    assert bad[0] is None
    assert bad[1].startswith("TrainingDiverged: training: the loss became")


def test_epochs_before_the_divergence_keep_their_scores(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    # Under SGD without a schedule this rate holds for an epoch of few steps.
    cells = [_cell(lr=1e30, max_epochs=epochs, batch_size=200, optimizer="sgd") for epochs in (1, 5)]
    first, last = fit_trajectory(problem, cells, "cpu")
    assert first[0] is not None
    assert first[1] is None
    assert last[0] is None
    assert "in epoch 2 of 5" in last[1]


def test_an_error_of_the_network_is_a_reason(tmp_path: Path) -> None:
    ((score, reason),) = _fit(small_problem(tmp_path), [_cell(hidden_1=-1)])
    assert score is None
    assert reason.startswith("ParamsError: ")
    assert "hidden_1=-1" in reason


def test_nothing_is_fitted_where_nothing_is_asked(tmp_path: Path) -> None:
    assert list(fit_cells(small_problem(tmp_path), [], 1, "cpu")) == []
