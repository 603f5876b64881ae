import inspect
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digitrec.errors import ArtifactError
from digitrec.pipeline.files import write_array
from digitrec.search.cells import PROJECT, Cell, Problem, trajectories
from digitrec.spec import Recipe
from tests.search.candidates import CANDIDATE, candidate, cell
from tests.tiny import MODERN, NORMALIZATION, PLAIN, small_problem, some_digits

TRAIN, TEST = np.arange(0, 20), np.arange(20, 30)


def test_a_fits_specification_is_the_candidate_in_the_problem(tmp_path: Path) -> None:
    training = small_problem(tmp_path, 30, recipe=MODERN).training(candidate(optimizer="sgd"), 7)
    assert {name: getattr(training, name) for name in type(CANDIDATE).model_fields} == dict(candidate(optimizer="sgd"))
    assert (training.model, training.recipe, training.normalization) == ("mlp", MODERN, NORMALIZATION)
    assert training.seed == 7


def test_an_argument_of_the_network_does_not_overwrite_a_training_parameter_of_its_name(tmp_path: Path) -> None:
    named_alike = CANDIDATE.model_copy(update={"architecture": {"optimizer": "lbfgs", "lr": 3}})
    training = small_problem(tmp_path, 30).training(named_alike, 0)
    assert (training.optimizer, training.lr) == ("adam", 0.003)
    assert training.architecture == {"optimizer": "lbfgs", "lr": 3}


def test_the_seed_of_fits_is_another_for_other_seeds_and_numbers_of_images(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, 30)
    seeds = [problem.fit_seed(20), problem.fit_seed(21), replace(problem, seed=1).fit_seed(20)]
    assert len(set(seeds)) == 3
    assert problem.fit_seed(20) == seeds[0]


def test_the_work_of_a_cell_is_the_images_that_pass_through_the_network() -> None:
    assert cell(TRAIN, TEST, max_epochs=3).work == 60


def _names(groups: list[list[Cell]]) -> list[list[str]]:
    return [[json.dumps([c.candidate.lr, c.candidate.max_epochs, len(c.train)]) for c in group] for group in groups]


def test_under_a_constant_rate_cells_that_differ_in_epochs_share_a_training() -> None:
    cells = [
        cell(TRAIN, TEST, max_epochs=2),
        cell(TRAIN, TEST, lr=0.1),
        cell(TRAIN, TEST, max_epochs=5),
        cell(TRAIN[:-1], TEST, max_epochs=5),
        cell(TRAIN, TEST[1:], max_epochs=2),
        cell(TRAIN, TEST, max_epochs=5, hidden_1=17),
    ]
    groups = trajectories(cells, PLAIN)
    assert sorted(map(len, groups)) == [1, 1, 1, 1, 2]
    assert next(group for group in groups if len(group) == 2) == [cells[0], cells[2]]
    assert {id(each) for group in groups for each in group} == {id(each) for each in cells}


def test_under_a_one_cycle_schedule_every_cell_is_trained_alone() -> None:
    cells = [cell(TRAIN, TEST, max_epochs=epochs) for epochs in (1, 2, 3)]
    assert _names(trajectories(cells, MODERN)) == _names([[cells[2]], [cells[1]], [cells[0]]])


@pytest.mark.parametrize("recipe", [PLAIN, MODERN])
def test_the_longest_trainings_come_first(recipe: Recipe) -> None:
    cells = [cell(TRAIN, TEST, lr=lr, max_epochs=epochs) for lr, epochs in [(1.0, 2), (2.0, 9), (3.0, 5), (3.0, 7)]]
    work = [max(each.work for each in group) for group in trajectories(cells, recipe)]
    assert work == sorted(work, reverse=True)


def test_no_cells_make_no_trainings() -> None:
    assert trajectories([], PLAIN) == []


ROWS = np.random.default_rng(0).permutation(60_000)
FOLD = np.sort(ROWS[:40_000]), np.sort(ROWS[40_000:])


@pytest.mark.parametrize(
    ("train", "test", "at_most"),
    [
        (*FOLD, 16_000),
        # Rows of part of the images, in an order that matters.
        (ROWS[:4_000], ROWS[4_000:6_000], 13_000),
        # A few rows, far apart.
        (np.array([5, 59_999]), np.array([7]), 1_000),
        (np.array([3, 3, 2]), np.array([], np.int64), 1_000),
        (np.arange(70_000)[::-1], np.arange(70_000), 300_000),
    ],
)
def test_a_cell_travels_in_kilobytes_and_arrives_as_it_was(train: np.ndarray, test: np.ndarray, at_most: int) -> None:
    sent = cell(train, test)
    content = pickle.dumps(sent)
    assert len(content) < at_most
    arrived = pickle.loads(content)
    assert arrived.candidate == sent.candidate
    for there, here in ((arrived.train, train), (arrived.test, test)):
        assert there.dtype == np.int64
        assert there.tolist() == here.tolist()
    assert arrived.key("a") == sent.key("a")


def test_a_problem_arrives_in_the_project_folder_of_where_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = small_problem(tmp_path, 30)
    here = replace(away, images=PROJECT / "data/train/images.npy", labels=PROJECT / "stages/../data/train/labels.npy")
    sent = [pickle.dumps(problem) for problem in (away, here)]
    assert pickle.loads(sent[0]) == away
    monkeypatch.setattr("digitrec.search.cells.PROJECT", Path("/elsewhere"))
    assert pickle.loads(sent[0]) == away
    arrived = pickle.loads(sent[1])
    assert arrived.images == Path("/elsewhere/data/train/images.npy")
    assert arrived.labels == Path("/elsewhere/data/train/labels.npy")
    assert replace(arrived, images=away.images, labels=away.labels) == away


def test_the_version_of_the_data_is_that_of_the_files_as_they_are_now(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, 30)
    before = problem.data_version()
    assert problem.data_version() == before
    images, labels = some_digits(30)
    write_array(problem.labels, np.roll(labels, 1).astype(np.uint8))
    other = problem.data_version()
    assert other != before
    write_array(problem.images, 255 - images)
    assert problem.data_version() not in (before, other)
    problem.images.unlink()
    with pytest.raises(ArtifactError, match=r"images\.npy is missing"):
        problem.data_version()


def test_a_problem_holds_nothing_large() -> None:
    # It travels to the workers with every fit.
    assert set(inspect.signature(Problem).parameters) == {
        "images",
        "labels",
        "image",
        "model",
        "recipe",
        "normalization",
        "seed",
    }
