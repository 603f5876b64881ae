import itertools
import math
from pathlib import Path

import pytest

from digitrec.plots import save_figure
from digitrec.search.figures import TOP, parallel_rows, search_figure, tried

SPACE = {"lr": [0.001, 0.01, 0.1], "optimizer": ["adam", "rmsprop"], "width": [8]}


def _rows(failed: int = 0) -> list[dict]:
    """Candidates, best first, of a halving with two rounds."""
    candidates = itertools.product(*SPACE.values())
    rows = [
        dict(zip(SPACE, values, strict=True))
        | {"round": 2 if rank < 2 else 1, "n_images": 400 if rank < 2 else 100}
        | {"score": 0.9 - rank / 10, "score_std": 0.01, "score_1": 0.91 - rank / 10, "score_2": 0.89 - rank / 10}
        for rank, values in enumerate(candidates)
    ]
    for row in rows[len(rows) - failed :]:
        row.update(score=math.nan, score_1=math.nan, score_2=math.nan)
    return rows


def test_only_parameters_that_were_varied_are_drawn() -> None:
    assert list(tried(SPACE)) == ["lr", "optimizer"]
    assert tried({"width": [8]}) == {"width": [8]}


@pytest.mark.parametrize("failed", [0, 5])
def test_every_candidate_that_has_a_score_is_a_point_over_each_parameter(failed: int) -> None:
    figure = search_figure(_rows(failed), SPACE)
    upper, lower = figure.subfigs
    for axes, key in zip(upper.axes, ("lr", "optimizer"), strict=True):
        assert axes.get_title() == key
        points = [tuple(point) for line in axes.lines for point in line.get_xydata()]
        assert len(points) == 6 - failed
        for x, score in points:
            [row] = [row for row in _rows() if row["score"] == pytest.approx(score)]
            assert SPACE[key][round(x)] == row[key]
    [axes] = lower.axes
    folds = [line.get_xdata() for line in axes.lines[::2]]
    assert folds == [pytest.approx([row["score_1"], row["score_2"]]) for row in _rows()[: min(TOP, 6 - failed)]]


def test_the_rounds_are_named_where_there_are_several() -> None:
    [legend] = search_figure(_rows(), SPACE).subfigs[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["round 1: 100 images", "round 2: 400 images"]
    rows = [row | {"round": 1} for row in _rows()]
    assert not search_figure(rows, SPACE).subfigs[0].legends


def test_a_search_of_one_candidate_can_be_drawn(tmp_path: Path) -> None:
    row = {"width": 8, "round": 1, "score": 0.5, "score_std": 0.0, "score_1": 0.5, "score_2": 0.5}
    save_figure(search_figure([row], {"width": [8]}), tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert [point["position"] for point in parallel_rows([row], {"width": [8]})] == [0.5, 0.5]


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
