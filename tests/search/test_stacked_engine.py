import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from digitrec.params import Hardening
from digitrec.search import skorch_engine, stacked_engine
from digitrec.search.cells import Cell, Problem, trajectories
from digitrec.search.stacked_engine import fit_cells, fit_stack, make_stacks
from digitrec.search.stacked_training import Member, StackedTraining
from tests.tiny import MODERN, PLAIN, SMALL_MNISTNET, small_problem, some_digits

PARAMS = {"lr": 0.003, "max_epochs": 2, "batch_size": 32, "optimizer": "adam", "hidden_1": 16, "hidden_2": 8}
ROWS = np.random.default_rng(0).permutation(300)
FOLDS = [(ROWS[:200], ROWS[200:]), (ROWS[100:], ROWS[:100])]
TRAIN, TEST = FOLDS[0]
# One image of 100 more or less is what rounding may do.
NEAR = 0.0101


def _cell(train: np.ndarray = TRAIN, test: np.ndarray = TEST, **changes: object) -> Cell:
    return Cell(PARAMS | changes, train, test)


def _fit(problem: Problem, cells: list[Cell], jobs: int = 1, engine: object = stacked_engine) -> list[tuple]:
    """The outcomes in the order of the cells."""
    finished = itertools.chain.from_iterable(engine.fit_cells(problem, cells, jobs, "cpu"))
    found = {id(cell): (score, reason) for cell, score, reason in finished}
    assert len(found) == len(cells)
    return [found[id(cell)] for cell in cells]


def _scores(outcomes: list[tuple]) -> np.ndarray:
    assert all(reason is None for _, reason in outcomes)
    return np.array([score for score, _ in outcomes])


@pytest.mark.parametrize("recipe", [PLAIN, MODERN], ids=["constant", "one_cycle"])
def test_scores_are_those_of_the_skorch_engine(tmp_path: Path, recipe: object) -> None:
    problem = small_problem(tmp_path, recipe=recipe)
    cells = [
        _cell(*fold, lr=lr, max_epochs=epochs, batch_size=size, optimizer=optimizer)
        for fold in FOLDS
        for lr in (0.001, 0.01)
        for epochs in (3, 1)
        for size in (32, 60)
        for optimizer in ("adam", "rmsprop", "sgd")
    ]
    scores = _scores(_fit(problem, cells))
    assert np.abs(scores - _scores(_fit(problem, cells, engine=skorch_engine))).max() <= NEAR
    assert len(set(scores)) > 10


def test_with_dropout_too(tmp_path: Path) -> None:
    network = {key: value for key, value in PARAMS.items() if not key.startswith("hidden")} | SMALL_MNISTNET
    for seed in range(3):
        problem = small_problem(tmp_path, model="mnistnet", seed=seed)
        cells = [Cell(network | {"lr": lr, "max_epochs": 4}, TRAIN, TEST) for lr in (0.001, 0.01)]
        one_by_one = _scores(_fit(problem, cells, engine=skorch_engine))
        assert np.abs(_scores(_fit(problem, cells)) - one_by_one).max() <= 2 * NEAR


def test_fits_depend_on_their_order_their_company_and_the_jobs_by_rounding_alone(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    cells = [_cell(lr=lr, max_epochs=epochs) for lr in np.geomspace(1e-4, 1e-2, 10).tolist() for epochs in (1, 2)]
    together = _fit(problem, cells)
    assert _fit(problem, cells, jobs=2) == together
    for others in (_fit(problem, cells[::-1])[::-1], [_fit(problem, [cell])[0] for cell in cells]):
        assert np.abs(_scores(others) - _scores(together)).max() <= NEAR


def test_a_stack_that_is_trained_again_gives_the_same_to_the_last_bit(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="mnistnet")
    network = {key: value for key, value in PARAMS.items() if not key.startswith("hidden")} | SMALL_MNISTNET

    def weights() -> torch.Tensor:
        members = [Member([Cell(network | {"lr": lr}, TRAIN, TEST)]) for lr in (0.001, 0.003, 0.01)]
        training = StackedTraining(problem, *some_digits(300), members, "cpu")
        for _ in training.run():
            pass
        return training.network.weights

    assert torch.equal(weights(), weights())


def test_another_seed_gives_other_scores(tmp_path: Path) -> None:
    scores = {_fit(small_problem(tmp_path, seed=seed), [_cell()])[0][0] for seed in range(3)}
    assert len(scores) > 1


def test_a_fit_that_diverges_has_no_score_but_a_reason_and_the_others_go_on(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    good, bad = _fit(problem, [_cell(), _cell(lr=1e30)])
    assert good == _fit(problem, [_cell()])[0]
    assert bad == _fit(problem, [_cell(lr=1e30)], engine=skorch_engine)[0]
    assert bad[0] is None
    assert bad[1].startswith("TrainingDiverged: training: the loss became")


def test_epochs_before_the_divergence_keep_their_scores(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    cells = [_cell(lr=1e30, max_epochs=epochs, batch_size=200, optimizer="sgd") for epochs in (1, 5)]
    first, last = _fit(problem, cells)
    assert first[0] is not None
    assert first[1] is None
    assert last == _fit(problem, cells, engine=skorch_engine)[1]
    assert "in epoch 2 of 5" in last[1]


def test_an_error_of_the_network_is_the_reason_of_its_candidates_alone(tmp_path: Path) -> None:
    good, bad = _fit(small_problem(tmp_path), [_cell(), _cell(hidden_1=-1)])
    assert good[0] > 0.3
    assert bad[0] is None
    assert bad[1].startswith("ParamsError: ")
    assert "hidden_1=-1" in bad[1]


def test_a_hardening_recipe_is_fitted_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    problem = small_problem(tmp_path, recipe=PLAIN.model_copy(update={"hardening": Hardening(noise=0.1)}))
    cells = [_cell(), _cell(lr=0.01)]
    assert _fit(problem, cells) == _fit(problem, cells, engine=skorch_engine)
    assert capsys.readouterr().out.count("mlp: not stacked, but fitted one by one: the recipe's hardening") == 1


def test_a_network_that_cannot_be_stacked_is_fitted_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacked_engine, "check_stacked", lambda networks, seed: "it is said so")
    problem = small_problem(tmp_path)
    cells = [_cell(), _cell(lr=0.01)]
    assert _fit(problem, cells) == _fit(problem, cells, engine=skorch_engine)
    assert capsys.readouterr().out == "mlp: not stacked, but fitted one by one: it is said so\n"


def test_cells_that_share_a_training_are_one_member(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    groups = trajectories([_cell(max_epochs=epochs) for epochs in (3, 1, 2)], PLAIN)
    assert len(groups) == 1
    (outcomes,) = fit_stack(problem, groups, "cpu")
    assert len({score for score, _ in outcomes}) > 1
    one_by_one = [_fit(problem, [cell])[0] for cell in groups[0]]
    assert outcomes == one_by_one


def test_under_a_one_cycle_schedule_each_member_has_a_curve_and_an_end_of_its_own(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, recipe=MODERN)
    members = [Member([_cell(max_epochs=epochs)]) for epochs in (1, 3)]
    training = StackedTraining(problem, *some_digits(300), members, "cpu")
    assert training._rates(1)[-1, 0] < 0.001 < training._rates(1)[-1, 1]
    sizes = [len(training.network) for _ in training.run()]
    # 7 steps an epoch.
    assert sizes == [2] * 7 + [1] * 14


def test_stacks_are_of_one_network_batch_size_and_fold() -> None:
    cells = [
        _cell(*fold, lr=lr, batch_size=size, hidden_1=units)
        for lr in np.geomspace(1e-4, 1e-2, 11).tolist()
        for fold in FOLDS
        for size in (32, 60)
        for units in (16, 32)
    ]
    stacks = make_stacks([[cell] for cell in cells], "cpu")
    assert sorted(map(len, stacks)) == [3] * 8 + [8] * 8
    for stack in stacks:
        assert len({(c.params["batch_size"], c.params["hidden_1"], c.train.tobytes()) for (c,) in stack}) == 1
    assert {id(cell) for stack in stacks for (cell,) in stack} == set(map(id, cells))
    # On a GPU, folds come together.
    assert sorted(map(len, make_stacks([[cell] for cell in cells], "cuda"))) == [22] * 4


def test_the_rest_of_a_killed_search_comes_to_the_same_stacks() -> None:
    cells = [_cell(lr=lr, max_epochs=epochs) for lr in np.geomspace(1e-4, 1e-2, 30).tolist() for epochs in (1, 2)]
    stacks = make_stacks(trajectories(cells, MODERN), "cpu")
    for done in ([0], [3], [0, 2, 5], [len(stacks) - 1]):
        gone = {id(cell) for number in done for group in stacks[number] for cell in group}
        again = make_stacks(trajectories([cell for cell in cells if id(cell) not in gone], MODERN), "cpu")
        assert again == [stack for number, stack in enumerate(stacks) if number not in done]


def test_every_module_that_scores_depend_on_is_in_the_fingerprint(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, 30)
    whole = problem.fingerprint(stacked_engine.MODULES)
    names = {module.__name__.rpartition(".")[2] for module in stacked_engine.MODULES}
    files = {path.stem for path in Path(stacked_engine.__file__).parent.glob("stacked_*.py")}
    assert names == files | {"skorch_engine"}
    for module in stacked_engine.MODULES:
        assert problem.fingerprint([other for other in stacked_engine.MODULES if other is not module]) != whole
    assert replace(problem).fingerprint(skorch_engine.MODULES) != whole


def test_nothing_is_fitted_where_nothing_is_asked(tmp_path: Path) -> None:
    assert list(fit_cells(small_problem(tmp_path), [], 1, "cpu")) == []
