import itertools
import json
import math
from typing import Any

import numpy as np
import pytest

from digitrec.search.summary import at_grid_edge, parallel_rows, summarize
from tests.search.candidates import search_spec

SPACE: dict[str, list] = {"lr": [0.001, 0.01, 0.1], "optimizer": ["adam", "rmsprop"], "width": [8]}


def _results(scores: list[list[float]], **more: list) -> dict[str, Any]:
    """What scikit-learn gives for the candidates of `_search`, of their scores on two folds."""
    params = [
        {"lr": lr, "max_epochs": 1, "batch_size": 32, "optimizer": "adam", "architecture__optimizer": mine}
        for lr, mine in [(0.1, "a"), (0.1, "b"), (0.2, "a"), (0.2, "b")]
    ]
    numbers = more.pop("numbers", range(4))
    folds = np.array(scores)
    return {
        "params": [params[number] for number in numbers],
        "mean_test_score": folds.mean(1),
        "std_test_score": folds.std(1),
        "split0_test_score": folds[:, 0],
        "split1_test_score": folds[:, 1],
        **more,
    }


SEARCH = search_spec({"optimizer": ["a", "b"]}, lr=[0.1, 0.2], max_epochs=[1])


def test_candidates_are_ranked_by_score_and_those_that_failed_come_last() -> None:
    result = summarize(SEARCH, _results([[0.5, 0.7], [0.9, 0.8], [math.nan, 0.9], [0.1, 0.3]]), "skorch", 8, 1)
    assert [row["score"] for row in result.rows[:3]] == pytest.approx([0.85, 0.6, 0.2])
    assert np.isnan(result.rows[3]["score"])
    assert list(result.rows[0]) == [
        "lr",
        "max_epochs",
        "batch_size",
        "optimizer",
        "architecture.optimizer",
        "round",
        "score",
        "score_std",
        "score_1",
        "score_2",
    ]
    assert (result.best.optimizer, dict(result.best.architecture)) == ("adam", {"optimizer": "b"})
    assert result.summary == {
        "best_params": {
            "lr": 0.1,
            "max_epochs": 1,
            "batch_size": 32,
            "optimizer": "adam",
            "architecture": {"optimizer": "b"},
        },
        "best_score": pytest.approx(0.85),
        "best_score_std": pytest.approx(0.05),
        "n_candidates": 4,
        "n_fits": 8,
        "n_failed": 1,
        "strategy": "grid",
        "engine": "skorch",
        "at_grid_edge": {"lr": "lowest"},
    }
    json.dumps(result.summary, allow_nan=False)


def test_who_reached_a_later_round_is_ranked_first() -> None:
    results = _results(
        [[0.9, 0.9], [0.8, 0.8], [0.7, 0.7], [0.6, 0.6], [0.5, 0.5], [0.6, 0.6]],
        numbers=[0, 1, 2, 3, 0, 1],
        iter=[0, 0, 0, 0, 1, 1],
        n_resources=[100, 100, 100, 100, 200, 200],
    )
    rows = summarize(SEARCH, results, "skorch", 12, 0).rows
    assert [(row["round"], row["n_images"], row["score"]) for row in rows] == [
        (2, 200, 0.6),
        (2, 200, 0.5),
        (1, 100, 0.7),
        (1, 100, 0.6),
    ]


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
    assert at_grid_edge(best | {"optimizer": "adam"}, space) == edges


def _rows(failed: int = 0) -> list[dict]:
    """Candidates, best first, of a halving with two rounds."""
    rows = [
        dict(zip(SPACE, values, strict=True)) | {"round": 2 if rank < 2 else 1, "score": 0.9 - rank / 10}
        for rank, values in enumerate(itertools.product(*SPACE.values()))
    ]
    for row in rows[len(rows) - failed :]:
        row.update(score=math.nan)
    return rows


def test_parallel_coordinates_lead_each_candidate_through_its_values_to_its_score() -> None:
    points = parallel_rows(_rows(failed=2), SPACE)
    assert [point["axis"] for point in points[:3]] == ["lr", "optimizer", "score"]
    # The best last, so that nothing is drawn over it.
    assert [point["candidate"] for point in points[::3]] == [4, 3, 2, 1]
    assert all(0 <= point["position"] <= 1 for point in points)
    best = points[-3:]
    assert [point["value"] for point in best] == [0.001, "adam", "0.9000"]
    assert best[-1]["position"] == 1
    # Bands of values do not overlap.
    highest = max(point["position"] for point in points if point["value"] == 0.001)
    assert highest < min(point["position"] for point in points if point["value"] == 0.01)


def test_one_candidate_has_a_way_too() -> None:
    points = parallel_rows([{"width": 8, "round": 1, "score": 0.5}], {"width": [8]})
    assert [(point["axis"], point["position"]) for point in points] == [("width", 0.5), ("score", 0.5)]
