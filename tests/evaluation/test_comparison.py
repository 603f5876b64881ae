import numpy as np
import pytest

from digitrec.evaluation.comparison import FINAL, compare, comparison_rows, comparison_table
from digitrec.evaluation.scores import mcnemar_p, wilson_interval

LABELS = np.arange(200) % 10


def _wrong(n: int) -> np.ndarray:
    guesses = LABELS.copy()
    guesses[:n] = (guesses[:n] + 1) % 10
    return guesses


PREDICTIONS = {FINAL: _wrong(5), "tree": _wrong(30), "a_twin": _wrong(5), "knn": _wrong(2)}
N_PARAMETERS = {FINAL: 93_390, "tree": 3, "a_twin": 5, "knn": 7}


def test_the_most_accurate_comes_first_and_ties_go_by_name() -> None:
    scores = compare(LABELS, PREDICTIONS, N_PARAMETERS)
    assert list(scores) == ["knn", "a_twin", FINAL, "tree"]
    assert [row["errors"] for row in scores.values()] == [2, 5, 5, 30]


def test_each_is_tested_against_the_final_model() -> None:
    scores = compare(LABELS, PREDICTIONS, N_PARAMETERS)
    assert scores[FINAL]["mcnemar_p"] == scores["a_twin"]["mcnemar_p"] == 1.0
    assert scores["tree"]["mcnemar_p"] == pytest.approx(2**-24)
    assert scores["knn"]["mcnemar_p"] == mcnemar_p(LABELS, PREDICTIONS[FINAL], PREDICTIONS["knn"]) == 0.25
    assert scores["tree"]["n_parameters"] == 3
    assert scores["tree"]["accuracy_ci95"] == wilson_interval(170, 200)


def test_rows_hold_the_interval_in_two_columns() -> None:
    scores = compare(LABELS, PREDICTIONS, N_PARAMETERS)
    rows = comparison_rows(scores)
    assert [row["name"] for row in rows] == list(scores)
    assert [rows[0]["accuracy_low"], rows[0]["accuracy_high"]] == scores["knn"]["accuracy_ci95"]
    assert "accuracy_ci95" not in rows[0]


def test_the_table_shows_numbers_in_columns_and_leaves_unknown_times_empty() -> None:
    scores = compare(LABELS, PREDICTIONS, N_PARAMETERS)
    table = comparison_table(scores, {"tree": {"fit_seconds": 1.234, "predict_seconds": 0.0}})
    header, *lines = table.splitlines()
    assert [line.split()[0] for line in lines] == list(scores)
    assert {len(line) for line in lines} == {len(header)}
    final, tree = lines[2], lines[3]
    assert "97.50 %" in final
    assert "93,390" in final
    assert tree.split()[-3:] == ["6e-08", "1.23", "0.00"]
    # The final model is not tested against itself, and nobody took its time.
    assert final.split()[-1] == "93,390"
