import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from digitrec.params import Search, load_params
from digitrec.search.cells import Cell
from digitrec.search.strategies import run_search
from tests.tiny import ROOT, some_digits

LABELS = some_digits(600)[1]
SPACE = {"lr": [1.0, 2.0, 3.0, 4.0], "hidden_1": [10, 20]}


def _search(**changes: Any) -> Search:
    return load_params(ROOT / "params.yaml").search.model_copy(update=changes)


class _Scores:
    """Scores that are known beforehand: the higher lr and hidden_1, the better."""

    def __init__(self) -> None:
        self.computed: list[tuple[list[Cell], str]] = []

    def compute(self, cells: Sequence[Cell], title: str) -> None:
        self.computed.append((list(cells), title))

    def __call__(self, cell: Cell) -> float:
        return _score(cell)


def _score(cell: Cell) -> float:
    return cell.params["lr"] / 10 + cell.params["hidden_1"] / 1000


def _run(search: Search, seed: int = 0, score: Any = _score) -> tuple[Any, list[tuple[list[Cell], str]]]:
    scores = _Scores()
    return run_search(search, SPACE, LABELS, seed, scores.compute, score), scores.computed


def test_grid_computes_every_candidate_on_every_fold_at_once() -> None:
    found, ((cells, title),) = _run(_search(strategy="grid", cv=3))
    assert title == "round 1 of 1: 8 candidates on 600 images"
    assert len(cells) == 24
    assert len({tuple(sorted(cell.params.items())) for cell in cells}) == 8
    assert len({cell.key("x") for cell in cells}) == 24
    assert found.cv_results_["params"][int(np.argmax(found.cv_results_["mean_test_score"]))] == {
        "lr": 4.0,
        "hidden_1": 20,
    }
    assert "score_of" not in found.cv_results_["params"][0]


def test_grids_folds_part_all_images_and_are_stratified() -> None:
    _, ((cells, _),) = _run(_search(strategy="grid", cv=3))
    for cell in cells[:3]:
        assert sorted([*cell.train, *cell.test]) == list(range(600))
        counts = np.bincount(LABELS[cell.test], minlength=10)
        assert np.abs(counts - np.bincount(LABELS) / 3).max() < 1
    assert sorted(np.concatenate([cell.test for cell in cells[:3]])) == list(range(600))


def test_the_scores_stand_under_their_candidate_and_fold() -> None:
    def score(cell: Cell) -> float:
        return _score(cell) + int(cell.test[0]) / 1e6

    found, ((cells, _),) = _run(_search(strategy="grid", cv=2), score=score)
    results = found.cv_results_
    for number, params in enumerate(results["params"]):
        for fold in range(2):
            cell = cells[2 * number + fold]
            assert cell.params == params
            assert results[f"split{fold}_test_score"][number] == score(cell)


def test_halving_gives_a_share_of_the_candidates_as_many_times_the_images() -> None:
    found, computed = _run(_search(strategy="halving", cv=2, factor=2, min_images=100, max_images=600))
    sizes = [(len(cells) // 2, len(cells[0].train) + len(cells[0].test)) for cells, _ in computed]
    assert sizes == [(8, 100), (4, 200), (2, 400)]
    assert [title for _, title in computed] == [
        f"round {k} of 3: {n} candidates on {images} images" for k, (n, images) in enumerate(sizes, start=1)
    ]
    kept = [{cell.params["lr"] for cell in cells} for cells, _ in computed]
    assert kept == [{1.0, 2.0, 3.0, 4.0}, {3.0, 4.0}, {4.0}]
    assert found.best_params_ == {"lr": 4.0, "hidden_1": 20}


def test_halving_never_uses_more_images_than_there_are_or_than_are_allowed() -> None:
    _, computed = _run(_search(strategy="halving", cv=2, factor=2, min_images=5000, max_images=20_000))
    assert [(len(cells) // 2, len(cells[0].train) + len(cells[0].test)) for cells, _ in computed] == [(8, 600)]
    _, computed = _run(_search(strategy="halving", cv=2, factor=2, min_images=100, max_images=250))
    assert [len(cells[0].train) + len(cells[0].test) for cells, _ in computed] == [100, 200]
    assert computed[-1][1].startswith("round 2 of 2")


def test_halvings_train_and_test_rows_are_apart() -> None:
    _, computed = _run(_search(strategy="halving", cv=3, factor=2, min_images=90, max_images=600))
    for cells, _ in computed:
        for cell in cells:
            assert not set(cell.train) & set(cell.test)
            assert len(set(cell.train)) == len(cell.train)


@pytest.mark.parametrize("strategy", ["grid", "halving"])
def test_the_same_seed_asks_for_the_same_cells_and_another_for_others(strategy: str) -> None:
    def keys(seed: int) -> list[str]:
        search = _search(strategy=strategy, cv=2, factor=2, min_images=100, max_images=600)
        return [cell.key("x") for cells, _ in _run(search, seed)[1] for cell in cells]

    assert keys(0) == keys(0)
    assert not set(keys(0)) & set(keys(1))


def test_a_failed_candidate_goes_no_further() -> None:
    def score(cell: Cell) -> float:
        return math.nan if cell.params["lr"] == 4.0 else _score(cell)

    found, computed = _run(_search(strategy="halving", cv=2, factor=2, min_images=100, max_images=600), score=score)
    assert all(cell.params["lr"] != 4.0 for cells, _ in computed[1:] for cell in cells)
    assert found.best_params_ == {"lr": 3.0, "hidden_1": 20}


def test_the_committed_search_halves_128_candidates() -> None:
    params = load_params(ROOT / "params.yaml")
    space = {**params.search.space.model_dump(), **params.architecture_space}
    labels = np.tile(np.arange(10), 6000)
    scores = _Scores()
    run_search(params.search, space, labels, 0, scores.compute, lambda cell: cell.params["lr"])
    sizes = [(len(cells) // 3, len(cells[0].train) + len(cells[0].test)) for cells, _ in scores.computed]
    assert [n for n, _ in sizes] == [128, 32, 8, 2]
    # Folds of a share of the images are rounded down.
    assert [images for _, images in sizes] == pytest.approx([320, 1280, 5120, 20480], abs=1)
