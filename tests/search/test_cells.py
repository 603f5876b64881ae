import inspect
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digitrec.artifacts import write_array
from digitrec.errors import ArtifactError
from digitrec.images import Normalization
from digitrec.search import skorch_engine, strategies
from digitrec.search.cells import PROJECT, Cell, Problem, trajectories
from tests.tiny import MODERN, PAPER, PLAIN, small_problem, some_digits

PARAMS = {"lr": 0.001, "max_epochs": 2, "batch_size": 32, "optimizer": "adam", "hidden_1": 16, "hidden_2": 8}
TRAIN, TEST = np.arange(0, 20), np.arange(20, 30)


def _cell(train: np.ndarray = TRAIN, test: np.ndarray = TEST, **changes: object) -> Cell:
    return Cell(PARAMS | changes, train, test)


def test_the_key_changes_with_every_ingredient_of_the_cell() -> None:
    cells = [
        _cell(),
        _cell(lr=0.002),
        _cell(max_epochs=3),
        _cell(optimizer="rmsprop"),
        _cell(hidden_1=17),
        _cell(train=TRAIN[:-1]),
        _cell(train=TRAIN[::-1]),
        _cell(test=TEST[1:]),
        # The same rows in all, parted elsewhere.
        _cell(train=np.arange(0, 21), test=np.arange(21, 30)),
    ]
    assert len({cell.key("a") for cell in cells}) == len(cells)
    assert _cell().key("a") != _cell().key("b")


def test_the_key_is_the_same_for_the_same_cell_however_it_was_made() -> None:
    shuffled = Cell(dict(reversed(PARAMS.items())), TRAIN.astype(np.int32), np.arange(60)[20:30])
    assert shuffled.key("a") == _cell().key("a")


def test_the_fingerprint_changes_with_every_ingredient_of_the_problem(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    problem = small_problem(tmp_path / "a", 30)
    images, labels = some_digits(30)
    changed = images.copy()
    changed[-1, -1, -1] ^= 1
    write_array(tmp_path / "b/images.npy", changed)
    write_array(tmp_path / "b/labels.npy", np.roll(labels, 1).astype(np.uint8))
    others = [
        replace(problem, images=tmp_path / "b/images.npy"),
        replace(problem, labels=tmp_path / "b/labels.npy"),
        replace(problem, model="mnistnet"),
        replace(problem, recipe=PAPER),
        replace(problem, recipe=PLAIN.model_copy(update={"rotation": 1.0})),
        replace(problem, normalization=Normalization(0.3, 0.36)),
        replace(problem, normalization=Normalization(0.31, 0.35)),
        replace(problem, seed=1),
    ]
    prints = [other.fingerprint(skorch_engine.MODULES) for other in [problem, *others]]
    prints.append(problem.fingerprint((*skorch_engine.MODULES, strategies)))
    assert len(set(prints)) == len(prints)
    assert replace(problem).fingerprint(skorch_engine.MODULES) == prints[0]


def test_the_fingerprint_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    prints = set()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        prints.add(small_problem(tmp_path / name, 30).fingerprint(skorch_engine.MODULES))
    assert len(prints) == 1


def test_a_cell_parts_training_parameters_from_the_networks_own() -> None:
    assert _cell().architecture == {"hidden_1": 16, "hidden_2": 8}
    assert _cell().work == 40


def _names(groups: list[list[Cell]]) -> list[list[str]]:
    return [[json.dumps([cell.params["lr"], cell.params["max_epochs"], len(cell.train)]) for cell in g] for g in groups]


def test_under_a_constant_rate_cells_that_differ_in_epochs_share_a_training() -> None:
    cells = [
        _cell(max_epochs=2),
        _cell(lr=0.1),
        _cell(max_epochs=5),
        _cell(train=np.arange(19), max_epochs=5),
        _cell(max_epochs=2, test=TEST[1:]),
    ]
    groups = trajectories(cells, PLAIN)
    assert sorted(map(len, groups)) == [1, 1, 1, 2]
    assert next(group for group in groups if len(group) == 2) == [cells[0], cells[2]]
    assert {id(cell) for group in groups for cell in group} == {id(cell) for cell in cells}


def test_under_a_one_cycle_schedule_every_cell_is_trained_alone() -> None:
    cells = [_cell(max_epochs=epochs) for epochs in (1, 2, 3)]
    assert _names(trajectories(cells, MODERN)) == _names([[cells[2]], [cells[1]], [cells[0]]])


@pytest.mark.parametrize("recipe", [PLAIN, MODERN])
def test_the_longest_trainings_come_first(recipe: object) -> None:
    cells = [_cell(lr=lr, max_epochs=epochs) for lr, epochs in [(1, 2), (2, 9), (3, 5), (3, 7)]]
    work = [max(cell.work for cell in group) for group in trajectories(cells, recipe)]
    assert work == sorted(work, reverse=True)


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
    content = pickle.dumps(_cell(train, test))
    assert len(content) < at_most
    arrived = pickle.loads(content)
    assert arrived.params == PARAMS
    for there, here in ((arrived.train, train), (arrived.test, test)):
        assert there.dtype == np.int64
        assert there.tolist() == here.tolist()
    assert arrived.key("a") == _cell(train, test).key("a")


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


def test_no_cells_make_no_trainings() -> None:
    assert trajectories([], PLAIN) == []


def test_a_problem_holds_nothing_large() -> None:
    # It travels to the workers with every fit.
    assert set(inspect.signature(Problem).parameters) == {
        "images",
        "labels",
        "model",
        "recipe",
        "normalization",
        "seed",
    }
