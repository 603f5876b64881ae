import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digitrec.errors import DigitrecError, ParamsError
from digitrec.pipeline.files import write_array
from digitrec.search import run, skorch_engine
from digitrec.search.cells import Cell, Problem
from digitrec.search.run import ENGINES, choose_engine, find_best
from digitrec.search.skorch_engine import fit_trajectory
from digitrec.search.summary import SearchResult
from digitrec.spec import ImageSpec, SearchSpec
from digitrec.training.classifier import ImageClassifier
from tests.search.candidates import candidate, search_spec
from tests.tiny import COLOUR, MODERN, NORMALIZATION, PLAIN, ROOT, small_problem, some_digits

LABELS = some_digits(300)[1]


def _find(problem: Problem, search: SearchSpec, jobs: int = 1) -> SearchResult:
    return find_best(problem, search, np.load(problem.labels), problem.images.parent / "journal.jsonl", jobs, "cpu")


def _journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    """The folder of a finished grid search, and what it found."""
    folder = tmp_path_factory.mktemp("searched")
    return folder, _find(small_problem(folder), search_spec())


@pytest.fixture
def again(searched: tuple[Path, SearchResult], tmp_path: Path) -> Problem:
    """The same problem elsewhere, with a copy of the journal."""
    (tmp_path / "journal.jsonl").write_bytes((searched[0] / "journal.jsonl").read_bytes())
    return small_problem(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "kinds", "chosen"),
    [
        ("auto", ["cpu"], "skorch"),
        ("auto", ["cuda"], "stacked"),
        ("auto", ["cpu", "cuda"], "skorch"),
        ("stacked", ["cpu"], "stacked"),
        ("skorch", ["cuda"], "skorch"),
    ],
)
def test_stacks_are_chosen_where_all_devices_are_gpus(wanted: str, kinds: list[str], chosen: str) -> None:
    assert choose_engine(wanted, kinds) == chosen


def test_grid_fits_all_and_finds_the_best(searched: tuple[Path, SearchResult]) -> None:
    folder, result = searched
    assert result.best == candidate(lr=0.003, max_epochs=2)
    assert result.summary["best_params"] == result.best.model_dump(mode="json")
    assert result.summary["n_fits"] == len(_journal(folder)) == 8
    assert result.summary["n_candidates"] == len(result.rows) == 4
    assert result.summary["n_failed"] == 0
    assert (result.summary["strategy"], result.summary["engine"]) == ("grid", "skorch")
    assert result.summary["at_grid_edge"] == {"lr": "highest", "max_epochs": "highest"}


def test_rows_hold_a_candidate_each_best_first(searched: tuple[Path, SearchResult]) -> None:
    _, result = searched
    scores = [row["score"] for row in result.rows]
    assert scores == sorted(scores, reverse=True)
    assert result.summary["best_score"] == scores[0]
    for row in result.rows:
        folds = [row["score_1"], row["score_2"]]
        assert row["score"] == pytest.approx(np.mean(folds))
        assert row["score_std"] == pytest.approx(np.std(folds))
        assert row["round"] == 1


def test_the_best_score_is_that_of_direct_fits(searched: tuple[Path, SearchResult]) -> None:
    folder, result = searched
    of_best = [entry["score"] for entry in _journal(folder) if entry["params"] == result.summary["best_params"]]
    assert result.summary["best_score"] == pytest.approx(np.mean(of_best))
    # A cell that is trained by itself, over rows of our own, agrees with its kind.
    rows = np.random.default_rng(0).permutation(300)
    ((score, _),) = fit_trajectory(small_problem(folder), [Cell(result.best, rows[:150], rows[150:])], "cpu")
    assert abs(score - result.summary["best_score"]) < 0.3


def test_a_second_search_fits_nothing_and_finds_the_same(
    searched: tuple[Path, SearchResult], again: Problem, capsys: pytest.CaptureFixture
) -> None:
    path = again.images.parent / "journal.jsonl"
    before = path.read_bytes()
    assert _find(again, search_spec()) == searched[1]
    assert "8 fits, 8 of them in the journal" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_a_value_that_is_added_fits_its_cells_only(again: Problem, capsys: pytest.CaptureFixture) -> None:
    result = _find(again, search_spec(lr=[0.0001, 0.003, 0.01]))
    assert "12 fits, 8 of them in the journal" in capsys.readouterr().out
    assert result.summary["n_fits"] == len(_journal(again.images.parent)) == 12


@pytest.mark.parametrize("change", ["images", "seed", "recipe", "device"])
def test_what_was_fitted_for_something_else_is_not_taken(
    again: Problem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, change: str
) -> None:
    folder = again.images.parent
    if change == "device":
        monkeypatch.setattr(run, "device_kinds", lambda device, data_version: ["cuda"])
    problem = {
        "images": lambda: again,
        "device": lambda: again,
        "seed": lambda: small_problem(folder, seed=1),
        "recipe": lambda: small_problem(folder, recipe=PLAIN.model_copy(update={"loss_input": "softmax"})),
    }[change]()
    if change == "images":
        write_array(problem.images, 255 - np.load(problem.images))
    _find(problem, search_spec(lr=[0.003], max_epochs=[1]))
    assert "2 fits, 0 of them in the journal" in capsys.readouterr().out


def test_a_search_that_lost_part_of_its_journal_ends_as_before(
    searched: tuple[Path, SearchResult], again: Problem
) -> None:
    path = again.images.parent / "journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert _find(again, search_spec()) == searched[1]


@pytest.mark.slow
def test_several_jobs_find_the_same_as_one(searched: tuple[Path, SearchResult], tmp_path: Path) -> None:
    assert _find(small_problem(tmp_path), search_spec(), jobs=2) == searched[1]


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_both_engines_give_one_format_and_one_answer(tmp_path: Path, strategy: str) -> None:
    found = {}
    for engine in ENGINES:
        (tmp_path / engine).mkdir()
        found[engine] = _find(small_problem(tmp_path / engine), search_spec(strategy=strategy, engine=engine))
        assert found[engine].summary["engine"] == engine
    skorch, stacked = found["skorch"], found["stacked"]
    assert stacked.best == skorch.best
    for one, other in zip(skorch.rows, stacked.rows, strict=True):
        assert list(one) == list(other)
        assert one == pytest.approx(other, abs=0.02)


def test_what_one_engine_fitted_is_not_taken_by_the_other(again: Problem) -> None:
    _find(again, search_spec(engine="stacked", lr=[0.003]))
    assert len(_journal(again.images.parent)) == 8 + 4


@pytest.mark.parametrize("engine", ENGINES)
def test_colour_images_are_searched(tmp_path: Path, engine: str) -> None:
    problem = small_problem(tmp_path, image=COLOUR)
    result = _find(problem, search_spec(engine=engine, strategy="halving", lr=[0.0001, 0.003], max_epochs=[2]))
    assert result.best.lr == 0.003
    assert result.summary["best_score"] > 0.6


def _many_classes(folder: Path) -> Problem:
    """136 classes of 16 images of 8 x 8 pixels: noise on a picture of each class."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(136), 16))
    pictures = rng.integers(0, 256, (136, 8, 8, 1))
    images = (pictures[labels] + rng.integers(-40, 41, (len(labels), 8, 8, 1))).clip(0, 255).astype(np.uint8)
    write_array(folder / "images.npy", images)
    write_array(folder / "labels.npy", labels.astype(np.uint8))
    image = ImageSpec(
        height=8, width=8, channels=1, classes=tuple(f"class {k}" for k in range(136)), preparation="resize"
    )
    return Problem(folder / "images.npy", folder / "labels.npy", image, "mlp", PLAIN, NORMALIZATION, 0)


def test_halving_among_136_classes_of_16_images_begins_with_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    search = search_spec(
        {"hidden_1": [64], "hidden_2": [64]},
        strategy="halving",
        cv=3,
        min_images=320,
        max_images=20_480,
        lr=[0.00001, 0.003],
        max_epochs=[15],
    )
    result = _find(_many_classes(tmp_path), search)
    output = capsys.readouterr().out
    assert "search.min_images: 320 images are too few for 3 folds with all of 136 classes" in output
    assert "the first round takes 408" in output
    assert [(row["round"], row["n_images"]) for row in result.rows] == [(2, 816), (1, 408)]
    assert result.best.lr == 0.003
    # By chance it were 0.007.
    assert result.summary["best_score"] > 0.5


KILLED = """
import os, signal, sys
from pathlib import Path
from digitrec.search.journal import Journal
from digitrec.search.stacked import engine
from tests.search.test_run import SMALL_STACKS, _find, _stacked_search
from tests.tiny import MODERN, small_problem
engine.MOST_MEMBERS = SMALL_STACKS
add_all = Journal.add_all
def add_and_die(self, finished):
    add_all(self, finished)
    os.kill(os.getpid(), signal.SIGKILL)
Journal.add_all = add_and_die
_find(small_problem(Path(sys.argv[1]), recipe=MODERN), _stacked_search())
"""
# Of the 24 members of the search below, which are of one shape: 10, 10 and 4.
SMALL_STACKS = 10


def _stacked_search() -> SearchSpec:
    return search_spec(lr=[0.0001, 0.001, 0.003], optimizer=["adam", "rmsprop"], engine="stacked")


@pytest.mark.slow
def test_a_stacked_search_that_was_killed_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ENGINES["stacked"], "MOST_MEMBERS", SMALL_STACKS)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = _find(small_problem(tmp_path / "whole", recipe=MODERN), _stacked_search())
    killed = small_problem(tmp_path / "killed", recipe=MODERN)
    for journalled in (10, 20):
        result = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "killed"], cwd=ROOT)
        assert result.returncode == -signal.SIGKILL
        assert len(_journal(tmp_path / "killed")) == journalled
    assert _find(killed, _stacked_search()) == whole
    lines = [sorted((tmp_path / name / "journal.jsonl").read_text().splitlines()) for name in ("whole", "killed")]
    assert lines[0] == lines[1]


def test_halving_ranks_by_the_last_round_that_was_reached_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    problem, search = small_problem(tmp_path), search_spec(strategy="halving")
    result = _find(problem, search)
    assert [(row["round"], row["n_images"]) for row in result.rows] == [(3, 300), (2, 150), (1, 75), (1, 75)]
    assert result.summary["n_candidates"] == 4
    assert result.summary["n_fits"] == len(_journal(tmp_path)) == 2 * (4 + 2 + 1)
    assert result.summary["strategy"] == "halving"
    assert result.best.lr == 0.003
    out = capsys.readouterr().out
    assert "round 2 of 3: 2 candidates on 150 images, 4 fits, 0 of them in the journal" in out
    assert "round 3 of 3: 1 candidates on 300 images, 2 fits" in out
    before = (tmp_path / "journal.jsonl").read_bytes()
    assert _find(problem, search) == result
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_a_winner_at_the_edge_of_what_was_tried_is_told(
    searched: tuple[Path, SearchResult], again: Problem, capsys: pytest.CaptureFixture
) -> None:
    assert _find(again, search_spec()) == searched[1]
    assert searched[1].summary["at_grid_edge"]["lr"] == "highest"
    assert "note: the best lr is the highest that was tried; a wider search might" in capsys.readouterr().out


def test_candidates_that_fail_are_recorded_with_their_reason_and_ranked_last(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    result = _find(small_problem(tmp_path), search_spec(lr=[1e30, 0.003], max_epochs=[2]))
    assert result.best.lr == 0.003
    assert result.summary["n_failed"] == 2
    assert np.isnan(result.rows[-1]["score"])
    assert result.rows[-1]["lr"] == 1e30
    reasons = [entry["reason"] for entry in _journal(tmp_path) if entry["params"]["lr"] == 1e30]
    assert len(reasons) == 2
    assert all(reason.startswith("TrainingDiverged: ") for reason in reasons)
    json.dumps(result.summary, allow_nan=False)
    assert f"note: 2 of 4 fits failed:\n  {min(reasons)}\n" in capsys.readouterr().out


def test_a_gpu_whose_memory_is_short_ends_the_search_and_is_not_recorded_as_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, built = skorch_engine.build_classifier, []

    def build_or_fail(*given: Any, **named: Any) -> ImageClassifier:
        built.append(given)
        if len(built) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return build(*given, **named)

    monkeypatch.setattr(skorch_engine, "build_classifier", build_or_fail)
    with pytest.raises(DigitrecError, match=r"a GPU's memory is short\. What was finished is kept; .*DIGITREC_JOBS"):
        _find(small_problem(tmp_path), search_spec(max_epochs=[1]))
    assert [entry["reason"] for entry in _journal(tmp_path)] == [None, None]


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_a_search_in_which_all_fail_says_why(tmp_path: Path, strategy: str) -> None:
    with pytest.raises(DigitrecError) as caught:
        _find(small_problem(tmp_path), search_spec(strategy=strategy, lr=[1e30, 1e31], max_epochs=[1]))
    text = str(caught.value)
    assert text.startswith("gridsearch: no candidate could be trained on all folds:")
    assert "lr=1e+30" in text
    assert "lr=1e+31" in text


def test_what_is_wrong_is_said_before_any_fit(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="4 mistakes in params"):
        _find(
            small_problem(tmp_path),
            search_spec({"hidden_1": [16, -1], "hidden_2": [8, "many"]}, cv=200, max_fits=1),
        )
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_network_without_arguments_can_be_searched(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="lenet5")
    result = _find(problem, search_spec({}, lr=[0.003], max_epochs=[1]))
    assert result.best.architecture == {}
    assert result.summary["n_fits"] == 2
