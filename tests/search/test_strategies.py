import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from digitrec.config.params import load_params
from digitrec.search.cells import Cell
from digitrec.search.space import parameter_grid
from digitrec.search.strategies import run_search
from digitrec.spec import SearchSpec
from tests.search.candidates import search_spec
from tests.tiny import ROOT, some_digits

LABELS = some_digits(600)[1]


def _search(**changes: Any) -> SearchSpec:
    settings = {"cv": 2, "factor": 2, "min_images": 100, "max_images": 600} | changes
    return search_spec({"hidden_1": [10, 20]}, lr=[1.0, 2.0, 3.0, 4.0], max_epochs=[1], **settings)


def _score(cell: Cell) -> float:
    """A score that is known beforehand: the higher lr and hidden_1, the better."""
    return cell.candidate.lr / 10 + float(cell.candidate.architecture["hidden_1"]) / 1000


def _run(
    search: SearchSpec, seed: int = 0, score: Any = _score, labels: np.ndarray = LABELS
) -> tuple[Any, list[tuple[list[Cell], str]]]:
    computed: list[tuple[list[Cell], str]] = []

    def compute(cells: Sequence[Cell], title: str) -> None:
        computed.append((list(cells), title))

    return run_search(search, labels, seed, compute, score), computed


def _sizes(computed: list[tuple[list[Cell], str]], cv: int = 2) -> list[tuple[int, int]]:
    """Candidates and images of each round."""
    return [(len(cells) // cv, len(cells[0].train) + len(cells[0].test)) for cells, _ in computed]


BEST = {"lr": 4.0, "max_epochs": 1, "batch_size": 32, "optimizer": "adam", "architecture__hidden_1": 20}


def test_grid_computes_every_candidate_on_every_fold_at_once() -> None:
    found, ((cells, title),) = _run(_search(cv=3))
    assert title == "round 1 of 1: 8 candidates on 600 images"
    assert len(cells) == 24
    assert len({cell.candidate.model_dump_json() for cell in cells}) == 8
    assert len({cell.key("x") for cell in cells}) == 24
    assert found.cv_results_["params"][int(np.argmax(found.cv_results_["mean_test_score"]))] == BEST


def test_grids_folds_part_all_images_and_are_stratified() -> None:
    _, ((cells, _),) = _run(_search(cv=3))
    for cell in cells[:3]:
        assert sorted([*cell.train, *cell.test]) == list(range(600))
        counts = np.bincount(LABELS[cell.test], minlength=10)
        assert np.abs(counts - np.bincount(LABELS) / 3).max() < 1
    assert sorted(np.concatenate([cell.test for cell in cells[:3]])) == list(range(600))


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_the_scores_stand_under_their_candidate_and_fold(strategy: str) -> None:
    def score(cell: Cell) -> float:
        return _score(cell) + int(cell.test[0]) / 1e6

    found, computed = _run(_search(strategy=strategy), score=score)
    cells = [cell for cells, _ in computed for cell in cells]
    results = found.cv_results_
    assert 2 * len(results["params"]) == len(cells)
    for number, params in enumerate(results["params"]):
        for fold in range(2):
            cell = cells[2 * number + fold]
            assert cell.candidate.lr == params["lr"]
            assert cell.candidate.architecture == {"hidden_1": params["architecture__hidden_1"]}
            assert results[f"split{fold}_test_score"][number] == score(cell)


def test_halving_gives_a_share_of_the_candidates_as_many_times_the_images() -> None:
    found, computed = _run(_search(strategy="halving"))
    assert _sizes(computed) == [(8, 100), (4, 200), (2, 400)]
    assert [title for _, title in computed] == [
        f"round {k} of 3: {n} candidates on {images} images" for k, (n, images) in enumerate(_sizes(computed), start=1)
    ]
    kept = [{cell.candidate.lr for cell in cells} for cells, _ in computed]
    assert kept == [{1.0, 2.0, 3.0, 4.0}, {3.0, 4.0}, {4.0}]
    assert found.best_params_ == BEST


def test_halving_never_uses_more_images_than_there_are_or_than_are_allowed() -> None:
    _, computed = _run(_search(strategy="halving", min_images=5000, max_images=20_000))
    assert _sizes(computed) == [(8, 600)]
    _, computed = _run(_search(strategy="halving", max_images=250))
    assert [images for _, images in _sizes(computed)] == [100, 200]
    assert computed[-1][1].startswith("round 2 of 2")


def test_halvings_train_and_test_rows_are_apart_and_the_same_for_all_candidates() -> None:
    _, computed = _run(_search(strategy="halving", cv=3, min_images=90))
    for cells, _ in computed:
        for number, cell in enumerate(cells):
            assert not set(cell.train) & set(cell.test)
            assert len(set(cell.train)) == len(cell.train)
            assert cell.train.tolist() == cells[number % 3].train.tolist()
            assert cell.test.tolist() == cells[number % 3].test.tolist()


def test_halvings_parts_hold_each_class_by_its_share() -> None:
    labels = np.repeat(np.arange(136), 16)
    _, computed = _run(_search(strategy="halving", cv=3, min_images=3 * 136, max_images=5000), labels=labels)
    # Of the folds' 1,450 or 1,451 and 726 or 725 rows, less than a fifth.
    for cell in computed[0][0]:
        assert set(np.bincount(labels[cell.train], minlength=136)) <= {1, 2, 3}
        assert np.bincount(labels[cell.test], minlength=136).max() <= 2
        # Rounding leaves out one at most.
        assert len(np.unique(labels[cell.test])) >= 135
    shares = np.bincount(labels[computed[-1][0][0].train], minlength=136)
    assert shares.max() - shares.min() <= 2


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_the_same_seed_asks_for_the_same_cells_and_another_for_others(strategy: str) -> None:
    def keys(seed: int) -> list[str]:
        return [cell.key("x") for cells, _ in _run(_search(strategy=strategy), seed)[1] for cell in cells]

    assert keys(0) == keys(0)
    assert not set(keys(0)) & set(keys(1))


def test_a_failed_candidate_goes_no_further() -> None:
    def score(cell: Cell) -> float:
        return math.nan if cell.candidate.lr == 4.0 else _score(cell)

    found, computed = _run(_search(strategy="halving"), score=score)
    assert all(cell.candidate.lr != 4.0 for cells, _ in computed[1:] for cell in cells)
    assert found.best_params_ == BEST | {"lr": 3.0}


def test_the_committed_search_halves_128_candidates() -> None:
    search = load_params(ROOT / "params.yaml").search_spec
    assert "architecture__num_units" in parameter_grid(search)
    _, computed = _run(search, score=lambda cell: cell.candidate.lr, labels=np.tile(np.arange(10), 6000))
    assert [n for n, _ in _sizes(computed, 3)] == [128, 32, 8, 2]
    # Folds of a share of the images are rounded down.
    assert [images for _, images in _sizes(computed, 3)] == pytest.approx([320, 1280, 5120, 20480], abs=1)
