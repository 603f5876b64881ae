import itertools
from pathlib import Path

import pytest

from digitrec.figures.search import TOP, search_figure, tried
from tests.figures.pictures import check_png

SPACE = {"lr": ["0.001", "0.01", "0.1"], "optimizer": ["adam", "rmsprop"], "width": ["8"]}


def _rows(failed: int = 0) -> list[dict[str, str]]:
    """Candidates as plots/gridsearch.csv has them, best first, of a halving with two rounds."""
    rows = []
    for rank, values in enumerate(itertools.product(*SPACE.values())):
        numbers = {
            "round": 2 if rank < 2 else 1,
            "n_images": 400 if rank < 2 else 100,
            "score": 0.9 - rank / 10,
            "score_std": 0.01,
            "score_1": 0.91 - rank / 10,
            "score_2": 0.89 - rank / 10,
        }
        rows.append(dict(zip(SPACE, values, strict=True)) | {key: f"{value}" for key, value in numbers.items()})
    for row in rows[len(rows) - failed :]:
        row.update(score="nan", score_1="nan", score_2="nan")
    return rows


def test_only_parameters_that_were_varied_are_drawn_their_values_in_order() -> None:
    assert tried(_rows()) == {"lr": SPACE["lr"], "optimizer": SPACE["optimizer"]}
    assert tried(_rows()[::-1]) == tried(_rows())
    assert tried(_rows()[:1]) == {"lr": ["0.001"], "optimizer": ["adam"], "width": ["8"]}
    rows = [{"hidden": value, "round": "1"} for value in ("128", "64", "1e-05", "wide", "")]
    assert tried(rows) == {"hidden": ["1e-05", "64", "128", "", "wide"]}


@pytest.mark.parametrize("failed", [0, 5])
def test_every_candidate_that_has_a_score_is_a_point_over_each_parameter(failed: int) -> None:
    upper, lower = search_figure(_rows(failed)).subfigs
    for axes, key in zip(upper.axes, ("lr", "optimizer"), strict=True):
        assert axes.get_title() == key
        assert [label.get_text() for label in axes.get_xticklabels()] == SPACE[key]
        points = [tuple(point) for line in axes.lines for point in line.get_xydata()]
        assert len(points) == 6 - failed
        for x, score in points:
            [row] = [row for row in _rows() if float(row["score"]) == pytest.approx(score)]
            assert SPACE[key][round(x)] == row[key]
    [axes] = lower.axes
    folds = [line.get_xdata() for line in axes.lines[::2]]
    expected = [[float(row[f"score_{fold}"]) for fold in (1, 2)] for row in _rows()]
    assert folds == [pytest.approx(scores) for scores in expected[: min(TOP, 6 - failed)]]


def test_the_rounds_are_named_where_there_are_several() -> None:
    [legend] = search_figure(_rows()).subfigs[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["round 1: 100 images", "round 2: 400 images"]
    rows = [row | {"round": "1"} for row in _rows()]
    assert not search_figure(rows).subfigs[0].legends


def test_a_search_of_one_candidate_can_be_drawn(tmp_path: Path) -> None:
    check_png(search_figure(_rows()[:1]), tmp_path)
