import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitrec.errors import DigitrecError, ParamsError
from digitrec.params import Search, Space, load_params
from digitrec.search.cells import Cell, Problem
from digitrec.search.results import ENGINES, SearchResult, _edges, find_best
from digitrec.search.skorch_engine import fit_trajectory
from tests.tiny import MODERN, ROOT, small_problem, some_digits

LABELS = some_digits(300)[1]
NETWORK = {"hidden_1": [16], "hidden_2": [8]}


def _search(strategy: str = "grid", engine: str = "skorch", **space: list) -> Search:
    values = {"lr": [0.0001, 0.003], "max_epochs": [1, 2], "batch_size": [32], "optimizer": ["adam"]}
    return load_params(ROOT / "params.yaml").search.model_copy(
        update={
            "strategy": strategy,
            "engine": engine,
            "cv": 2,
            "factor": 2,
            "min_images": 75,
            "max_images": 300,
            "space": Space(**(values | space)),
        }
    )


def _find(problem: Problem, search: Search, network: dict[str, list] = NETWORK, jobs: int = 1) -> SearchResult:
    return find_best(problem, search, network, LABELS, problem.images.parent / "journal.jsonl", jobs, "cpu")


def _n_journalled(folder: Path) -> int:
    return len((folder / "journal.jsonl").read_text().splitlines())


def test_grid_fits_all_and_finds_the_best(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    result = _find(problem, _search())
    assert result.summary["n_fits"] == _n_journalled(tmp_path) == 8
    assert result.summary["n_candidates"] == len(result.rows) == 4
    assert result.summary["n_failed"] == 0
    assert result.summary["strategy"] == "grid"
    assert (
        result.best_params
        == result.summary["best_params"]
        == {
            "lr": 0.003,
            "max_epochs": 2,
            "batch_size": 32,
            "optimizer": "adam",
            "hidden_1": 16,
            "hidden_2": 8,
        }
    )
    assert result.summary["at_grid_edge"] == {"lr": "highest", "max_epochs": "highest"}
    json.dumps(result.summary, allow_nan=False)


def test_rows_hold_a_candidate_each_best_first(tmp_path: Path) -> None:
    result = _find(small_problem(tmp_path), _search())
    scores = [row["score"] for row in result.rows]
    assert scores == sorted(scores, reverse=True)
    assert result.summary["best_score"] == scores[0]
    for row in result.rows:
        folds = [row["score_1"], row["score_2"]]
        assert row["score"] == pytest.approx(np.mean(folds))
        assert row["score_std"] == pytest.approx(np.std(folds))
        assert row["round"] == 1


def test_the_best_score_is_that_of_direct_fits(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    result = _find(problem, _search())
    entries = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    of_best = [entry["score"] for entry in entries if entry["params"] == result.best_params]
    assert result.summary["best_score"] == pytest.approx(np.mean(of_best))
    # A cell that is trained by itself, over rows of our own, agrees with its kind.
    rows = np.random.default_rng(0).permutation(300)
    ((score, _),) = fit_trajectory(problem, [Cell(result.best_params, rows[:150], rows[150:])], "cpu")
    assert abs(score - result.summary["best_score"]) < 0.3


def test_a_second_search_fits_nothing_and_finds_the_same(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    problem = small_problem(tmp_path)
    first = _find(problem, _search())
    before = (tmp_path / "journal.jsonl").read_bytes()
    capsys.readouterr()
    second = _find(problem, _search())
    assert "8 fits, 8 of them in the journal" in capsys.readouterr().out
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    assert (second.summary, second.rows) == (first.summary, first.rows)


def test_a_value_that_is_added_fits_its_cells_only(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    problem = small_problem(tmp_path)
    _find(problem, _search())
    capsys.readouterr()
    result = _find(problem, _search(lr=[0.0001, 0.003, 0.01]))
    assert "12 fits, 8 of them in the journal" in capsys.readouterr().out
    assert result.summary["n_fits"] == _n_journalled(tmp_path) == 12


def test_what_was_fitted_for_other_images_or_another_seed_is_not_taken(tmp_path: Path) -> None:
    _find(small_problem(tmp_path), _search(lr=[0.003]))
    assert _n_journalled(tmp_path) == 4
    _find(small_problem(tmp_path, seed=1), _search(lr=[0.003]))
    assert _n_journalled(tmp_path) == 8


def test_a_search_that_lost_part_of_its_journal_ends_as_before(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    whole = _find(problem, _search())
    path = tmp_path / "journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = _find(problem, _search())
    assert (again.summary, again.rows) == (whole.summary, whole.rows)


def test_several_jobs_find_the_same_as_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = _find(small_problem(tmp_path / "one"), _search())
    two = _find(small_problem(tmp_path / "two"), _search(), jobs=2)
    assert (one.summary, one.rows) == (two.summary, two.rows)


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_both_engines_give_one_format_and_one_answer(tmp_path: Path, strategy: str) -> None:
    found = {}
    for engine in ENGINES:
        (tmp_path / engine).mkdir()
        search = _search(strategy, engine=engine)
        found[engine] = _find(small_problem(tmp_path / engine), search)
        assert found[engine].summary.pop("engine") == engine
    skorch, stacked = found["skorch"], found["stacked"]
    assert list(skorch.rows[0]) == list(stacked.rows[0])
    assert stacked.best_params == skorch.best_params
    for one, other in zip(skorch.rows, stacked.rows, strict=True):
        assert one == pytest.approx(other, abs=0.02)


def test_what_one_engine_fitted_is_not_taken_by_the_other(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    for number, engine in enumerate(ENGINES, start=1):
        _find(problem, _search(lr=[0.003], engine=engine))
        assert _n_journalled(tmp_path) == 4 * number


KILLED = """
import os, signal, sys
from pathlib import Path
from digitrec.search.journal import Journal
from tests.search.test_results import _find, _stacked_search
from tests.tiny import MODERN, small_problem
add_all = Journal.add_all
def add_and_die(self, finished):
    add_all(self, finished)
    os.kill(os.getpid(), signal.SIGKILL)
Journal.add_all = add_and_die
_find(small_problem(Path(sys.argv[1]), recipe=MODERN), _stacked_search())
"""


def _stacked_search() -> Search:
    # 6 candidates of one batch size, each with two numbers of epochs: on each fold a stack of 8 and one of 4.
    return _search(lr=[0.0001, 0.001, 0.003], optimizer=["adam", "rmsprop"], engine="stacked")


def test_a_stacked_search_that_was_killed_ends_with_the_same_bytes(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = _find(small_problem(tmp_path / "whole", recipe=MODERN), _stacked_search())
    killed = small_problem(tmp_path / "killed", recipe=MODERN)
    for journalled in (8, 16, 20):
        result = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "killed"], cwd=ROOT)
        assert result.returncode == -signal.SIGKILL
        assert _n_journalled(tmp_path / "killed") == journalled
    again = _find(killed, _stacked_search())
    assert (again.summary, again.rows) == (whole.summary, whole.rows)
    lines = [sorted((tmp_path / name / "journal.jsonl").read_text().splitlines()) for name in ("whole", "killed")]
    assert lines[0] == lines[1]


def test_halving_ranks_by_the_last_round_that_was_reached(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    result = _find(small_problem(tmp_path), _search("halving"))
    assert [(row["round"], row["n_images"]) for row in result.rows] == [(3, 300), (2, 150), (1, 75), (1, 75)]
    assert result.summary["n_candidates"] == 4
    assert result.summary["n_fits"] == _n_journalled(tmp_path) == 2 * (4 + 2 + 1)
    assert result.summary["strategy"] == "halving"
    assert result.best_params["lr"] == 0.003
    out = capsys.readouterr().out
    assert "round 2 of 3: 2 candidates on 150 images, 4 fits, 0 of them in the journal" in out
    assert "round 3 of 3: 1 candidates on 300 images, 2 fits" in out


def test_a_halving_search_goes_on_where_it_was(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    first = _find(problem, _search("halving"))
    before = (tmp_path / "journal.jsonl").read_bytes()
    second = _find(problem, _search("halving"))
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    assert (second.summary, second.rows) == (first.summary, first.rows)


def test_candidates_that_fail_are_recorded_with_their_reason_and_ranked_last(tmp_path: Path) -> None:
    result = _find(small_problem(tmp_path), _search(lr=[1e30, 0.003], max_epochs=[2]))
    assert result.best_params["lr"] == 0.003
    assert result.summary["n_failed"] == 2
    assert np.isnan(result.rows[-1]["score"])
    assert result.rows[-1]["lr"] == 1e30
    entries = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    reasons = [entry["reason"] for entry in entries if entry["params"]["lr"] == 1e30]
    assert len(reasons) == 2
    assert all(reason.startswith("TrainingDiverged: ") for reason in reasons)
    json.dumps(result.summary, allow_nan=False)


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_a_search_in_which_all_fail_says_why(tmp_path: Path, strategy: str) -> None:
    with pytest.raises(DigitrecError) as caught:
        _find(small_problem(tmp_path), _search(strategy, lr=[1e30, 1e31], max_epochs=[1]))
    text = str(caught.value)
    assert text.startswith("gridsearch: no candidate could be trained on all folds:")
    assert "lr=1e+30" in text
    assert "lr=1e+31" in text


@pytest.mark.parametrize(
    ("network", "parts"),
    [
        ({"hiden_1": [16]}, ["hiden_1=16"]),
        ({"hidden_1": [-1, 16], "hidden_2": [8, "many"]}, ["hidden_1=-1", "hidden_2='many'"]),
    ],
)
def test_values_that_the_network_refuses_are_all_named_before_any_fit(
    tmp_path: Path, network: dict[str, list], parts: list[str]
) -> None:
    with pytest.raises(ParamsError) as caught:
        _find(small_problem(tmp_path), _search(), network)
    for part, mistake in zip(parts, caught.value.mistakes, strict=True):
        assert part in mistake
    assert not (tmp_path / "journal.jsonl").exists()


def test_more_folds_than_images_of_a_class_is_a_mistake(tmp_path: Path) -> None:
    rarest = int(np.bincount(LABELS).min())
    search = _search().model_copy(update={"cv": rarest + 1})
    with pytest.raises(ParamsError, match=rf"search\.cv: got {rarest + 1}, but the rarest class has {rarest} images"):
        _find(small_problem(tmp_path), search)


def _limited(search: Search, max_fits: int) -> Search:
    return search.model_copy(update={"max_fits": max_fits})


@pytest.mark.parametrize(
    ("strategy", "fits", "text"),
    [("grid", 8, "4 candidates (grid) on 2 folds"), ("halving", 14, "4 + 2 + 1 candidates (halving) on 2 folds")],
)
def test_a_search_of_more_fits_than_allowed_is_refused_before_any_fit(
    tmp_path: Path, strategy: str, fits: int, text: str
) -> None:
    problem = small_problem(tmp_path)
    with pytest.raises(ParamsError) as caught:
        _find(problem, _limited(_search(strategy), fits - 1))
    assert f"params.yaml: search.max_fits: got {fits - 1}, but {text} take {fits} fits; raise it" in str(caught.value)
    assert not (tmp_path / "journal.jsonl").exists()
    assert _find(problem, _limited(_search(strategy), fits)).summary["n_fits"] == fits


def test_all_mistakes_of_a_search_are_named_at_once(tmp_path: Path) -> None:
    search = _limited(_search(), 1).model_copy(update={"cv": 200})
    with pytest.raises(ParamsError) as caught:
        _find(small_problem(tmp_path), search, {"hidden_1": [16, -1], "hidden_2": [8, "many"]})
    assert str(caught.value).startswith("4 mistakes in params.yaml")
    for part in ("search.cv: got 200", "search.max_fits: got 1,", "hidden_1=-1", "hidden_2='many'"):
        assert part in str(caught.value)


def test_a_network_without_arguments_can_be_searched(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="lenet5")
    result = _find(problem, _search(lr=[0.003], max_epochs=[1]), {})
    assert set(result.best_params) == {"lr", "max_epochs", "batch_size", "optimizer"}
    assert result.summary["n_fits"] == 2


@pytest.mark.parametrize(
    ("best", "edges"),
    [
        ({"lr": 1, "hidden_1": 5}, {"lr": "lowest"}),
        ({"lr": 3, "hidden_1": 5}, {"lr": "highest"}),
        ({"lr": 2, "hidden_1": 5}, {}),
    ],
)
def test_only_numbers_among_several_have_an_edge(best: dict[str, Any], edges: dict[str, str]) -> None:
    space = {"lr": [2, 1, 3], "hidden_1": [5], "optimizer": ["adam", "sgd"]}
    assert _edges(best | {"optimizer": "adam"}, space) == edges
