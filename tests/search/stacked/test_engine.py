import itertools
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from digitrec.search import skorch_engine
from digitrec.search.cells import Cell, Problem, trajectories
from digitrec.search.stacked import engine as stacked_engine
from digitrec.search.stacked.engine import MOST_MEMBERS, fit_cells, fit_stack, make_stacks
from digitrec.search.stacked.members import Member
from digitrec.search.stacked.training import StackedTraining
from digitrec.spec import Hardening, ImageSpec, Recipe
from tests.search.candidates import CANDIDATE, ROWS, TEST, TRAIN, cell
from tests.tiny import COLOUR, IMAGE, MODERN, PLAIN, SMALL_MNISTNET, small_problem, some_digits

FOLDS = [(TRAIN, TEST), (ROWS[100:], ROWS[:100])]
# One image of 100 more or less is what rounding may do.
NEAR = 0.0101

DISTORTED = MODERN.model_copy(update={"hardening": Hardening(background=0.5, noise=0.3)})


def _mnistnets(**changes: list) -> list[Cell]:
    """Small MNISTNets, one for each learning rate."""
    candidate = CANDIDATE.model_copy(update={"architecture": SMALL_MNISTNET, "max_epochs": 4})
    return [Cell(candidate.model_copy(update={"lr": lr}), TRAIN, TEST) for lr in changes["lr"]]


def _fit(problem: Problem, cells: list[Cell], jobs: int = 1, engine: ModuleType = stacked_engine) -> list[tuple]:
    """The outcomes in the order of the cells."""
    finished = itertools.chain.from_iterable(engine.fit_cells(problem, cells, jobs, "cpu"))
    found = {id(each): (score, reason) for each, score, reason in finished}
    assert len(found) == len(cells)
    return [found[id(each)] for each in cells]


def _scores(outcomes: list[tuple]) -> np.ndarray:
    assert all(reason is None for _, reason in outcomes)
    return np.array([score for score, _ in outcomes])


@pytest.mark.parametrize("recipe", [PLAIN, MODERN, DISTORTED], ids=["constant", "one_cycle", "distorted"])
def test_scores_are_those_of_the_skorch_engine(tmp_path: Path, recipe: Recipe) -> None:
    problem = small_problem(tmp_path, recipe=recipe)
    cells = [
        cell(*fold, lr=lr, max_epochs=epochs, batch_size=size, optimizer=optimizer)
        for fold in FOLDS
        for epochs in (3, 1)
        for size in (32, 60)
        for optimizer, lr in (("adam", 0.001), ("adam", 0.01), ("rmsprop", 0.003), ("sgd", 0.01))
    ]
    scores = _scores(_fit(problem, cells))
    assert np.abs(scores - _scores(_fit(problem, cells, engine=skorch_engine))).max() <= NEAR
    assert len(set(scores)) > 10


def test_with_dropout_too(tmp_path: Path) -> None:
    for seed in range(3):
        problem = small_problem(tmp_path, model="mnistnet", seed=seed)
        cells = _mnistnets(lr=[0.001, 0.01])
        one_by_one = _scores(_fit(problem, cells, engine=skorch_engine))
        assert np.abs(_scores(_fit(problem, cells)) - one_by_one).max() <= 2 * NEAR


@pytest.mark.parametrize("image", [IMAGE, COLOUR], ids=["grey", "colour"])
def test_with_balanced_classes_and_in_colour_too(tmp_path: Path, image: ImageSpec) -> None:
    problem = small_problem(tmp_path, recipe=PLAIN.model_copy(update={"class_weight": "balanced"}), image=image)
    # The first member leaves, the others stay with weights of their own.
    cells = [cell(*fold, lr=0.0005, max_epochs=epochs) for epochs, fold in zip((1, 3), FOLDS, strict=True)]
    scores = _scores(_fit(problem, cells))
    assert np.abs(scores - _scores(_fit(problem, cells, engine=skorch_engine))).max() <= NEAR


def test_fits_depend_on_their_order_and_their_company_by_rounding_alone(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    cells = [cell(lr=lr, max_epochs=epochs) for lr in np.geomspace(1e-4, 1e-2, 5).tolist() for epochs in (1, 2)]
    together = _fit(problem, cells)
    for others in (_fit(problem, cells[::-1])[::-1], [_fit(problem, [each])[0] for each in cells]):
        assert np.abs(_scores(others) - _scores(together)).max() <= NEAR


def test_a_stack_that_is_trained_again_gives_the_same_to_the_last_bit(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="mnistnet")

    def weights() -> torch.Tensor:
        members = [Member([each]) for each in _mnistnets(lr=[0.001, 0.003, 0.01])]
        training = StackedTraining(problem, *some_digits(300), members, "cpu")
        for _ in training.run():
            pass
        return training.network.weights

    assert torch.equal(weights(), weights())


def test_another_seed_gives_other_scores(tmp_path: Path) -> None:
    scores = {_fit(small_problem(tmp_path, seed=seed), [cell()])[0][0] for seed in range(3)}
    assert len(scores) > 1


def test_a_fit_that_diverges_has_no_score_but_a_reason_and_the_others_go_on(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    good, bad = _fit(problem, [cell(), cell(lr=1e30)])
    assert good == _fit(problem, [cell()])[0]
    assert bad == _fit(problem, [cell(lr=1e30)], engine=skorch_engine)[0]
    assert bad[0] is None
    assert bad[1].startswith("TrainingDiverged: training: the loss became")


def test_epochs_before_the_divergence_keep_their_scores(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    cells = [cell(lr=1e30, max_epochs=epochs, batch_size=200, optimizer="sgd") for epochs in (1, 5)]
    first, last = _fit(problem, cells)
    assert first[0] is not None
    assert first[1] is None
    assert last == _fit(problem, cells, engine=skorch_engine)[1]
    assert "in epoch 2 of 5" in last[1]


def test_an_error_of_the_network_is_the_reason_of_its_candidates_alone(tmp_path: Path) -> None:
    good, bad = _fit(small_problem(tmp_path), [cell(), cell(hidden_1=-1)])
    assert good[0] > 0.3
    assert bad[0] is None
    assert bad[1].startswith("ParamsError: ")
    assert "hidden_1=-1" in bad[1]


def test_a_recipe_with_adversarial_steps_is_fitted_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    problem = small_problem(tmp_path, recipe=PLAIN.model_copy(update={"hardening": Hardening(adversarial=0.1)}))
    cells = [cell(), cell(lr=0.01)]
    assert _fit(problem, cells) == _fit(problem, cells, engine=skorch_engine)
    assert capsys.readouterr().out.count("mlp: not stacked, but fitted one by one: the recipe's hardening") == 1


def test_a_network_that_cannot_be_stacked_is_fitted_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacked_engine, "check_stacked", lambda networks, input_shape, seed: "it is said so")
    problem = small_problem(tmp_path)
    cells = [cell(), cell(lr=0.01)]
    assert _fit(problem, cells) == _fit(problem, cells, engine=skorch_engine)
    assert capsys.readouterr().out == "mlp: not stacked, but fitted one by one: it is said so\n"


def test_cells_that_share_a_training_are_one_member(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    groups = trajectories([cell(max_epochs=epochs) for epochs in (3, 1, 2)], PLAIN)
    assert len(groups) == 1
    (outcomes,) = fit_stack(problem, groups, "cpu")
    assert len({score for score, _ in outcomes}) > 1
    one_by_one = [_fit(problem, [each])[0] for each in groups[0]]
    assert outcomes == one_by_one


def test_under_a_one_cycle_schedule_each_member_has_a_curve_and_an_end_of_its_own(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, recipe=MODERN)
    members = [Member([cell(max_epochs=epochs)]) for epochs in (1, 3)]
    training = StackedTraining(problem, *some_digits(300), members, "cpu")
    assert training._rates(1)[-1, 0] < 0.001 < training._rates(1)[-1, 1]
    sizes = [len(training.network) for _ in training.run()]
    # 7 steps an epoch.
    assert sizes == [2] * 7 + [1] * 14


def test_a_network_that_cannot_be_stacked_does_not_keep_others_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[Cell] = []

    def fit_alone(problem: Problem, cells: list[Cell], jobs: int, device: str) -> list[list[tuple]]:
        fitted.extend(cells)
        return [[(each, 0.5, None)] for each in cells]

    monkeypatch.setattr(skorch_engine, "fit_cells", fit_alone)
    monkeypatch.setattr(
        stacked_engine, "check_stacked", lambda networks, *_: "so" if networks[0][1].out_features == 17 else None
    )
    first, second = _fit(small_problem(tmp_path), [cell(hidden_1=17), cell()])
    assert first == (0.5, None)
    assert [each.candidate.architecture["hidden_1"] for each in fitted] == [17]
    assert second[0] > 0.3


def test_stacks_are_of_one_network_batch_size_and_number_of_images() -> None:
    folds = [*FOLDS, (TRAIN[:-1], TEST)]
    cells = [
        cell(*fold, lr=lr, batch_size=size, hidden_1=units)
        for lr in np.geomspace(1e-4, 1e-2, 50).tolist()
        for fold in folds
        for size in (32, 60)
        for units in (16, 32)
    ]
    stacks = make_stacks([[each] for each in cells])
    assert MOST_MEMBERS == 64
    # Two folds of one size come together.
    assert sorted(map(len, stacks)) == [36] * 4 + [50] * 4 + [64] * 4
    for stack in stacks:
        candidates = [each.candidate for (each,) in stack]
        assert len({(one.batch_size, one.architecture["hidden_1"]) for one in candidates}) == 1
        assert len({len(each.train) for (each,) in stack}) == 1
    assert {id(each) for stack in stacks for (each,) in stack} == set(map(id, cells))


def test_the_rest_of_a_killed_search_comes_to_the_same_stacks() -> None:
    cells = [cell(lr=lr, max_epochs=epochs) for lr in np.geomspace(1e-4, 1e-2, 120).tolist() for epochs in (1, 2)]
    stacks = make_stacks(trajectories(cells, MODERN))
    assert len(stacks) == 4
    for done in ([0], [3], [0, 2], [len(stacks) - 1]):
        gone = {id(each) for number in done for group in stacks[number] for each in group}
        again = make_stacks(trajectories([each for each in cells if id(each) not in gone], MODERN))
        assert again == [stack for number, stack in enumerate(stacks) if number not in done]


def test_nothing_is_fitted_where_nothing_is_asked(tmp_path: Path) -> None:
    assert list(fit_cells(small_problem(tmp_path), [], 1, "cpu")) == []
