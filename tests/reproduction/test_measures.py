"""What is measured, as `judge` shows it."""

from math import sqrt

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from digitrec.reproduction.ledger import judge
from digitrec.reproduction.measures import Measurements, mean_interval, spread_ratios
from tests.reproduction.measured import (
    ONE,
    T1,
    T2,
    THREE,
    Z,
    confusion_matrix,
    make_claim,
    make_measurements,
    make_run,
    make_system,
    wilson,
)


# The same loss at every seed: with several, all that is left is the rounding, and other images of a validation set.
@pytest.mark.parametrize(
    ("quantity", "measurements", "seeds", "half"),
    [
        ("test_loss", ONE, 1, sqrt(2) * Z * 0.4 / sqrt(1000)),
        ("test_loss", THREE, 3, 0),
        ("valid_loss", ONE, 1, sqrt(3) * Z * 0.4 / sqrt(500)),
        ("valid_loss", THREE, 3, Z * 0.4 / sqrt(500)),
    ],
)
def test_a_loss_has_the_sampling_error_of_its_images_losses(
    quantity: str, measurements: Measurements, seeds: int, half: float
) -> None:
    row = judge(make_claim("0.11", "nats", quantity=quantity, epoch=2), measurements)
    assert row["judged_by"] == pytest.approx([0.11 - half - 0.005, 0.11 + half + 0.005])
    assert (row["seeds"], row["verdict"]) == (seeds, "reproduced")
    assert judge(make_claim("11.0", quantity="test_loss", epoch=2), measurements)["measured"] == pytest.approx(11)


def test_an_epoch_is_counted_from_one() -> None:
    assert [judge(make_claim("90", epoch=epoch), ONE)["measured"] for epoch in (1, 2, 3)] == pytest.approx([94, 95, 96])


def test_errors_by_digit_are_of_that_digits_images() -> None:
    measurements = make_measurements(make_system("okon", make_run(0, confusion_matrix(99, d41=10))))
    row = judge(make_claim("11", "images", quantity="errors", digit=4), measurements)
    assert row["measured"] == pytest.approx(11)
    assert row["interval"] == pytest.approx([100 * bound for bound in wilson(0.11, 100)])
    assert judge(make_claim("1", "images", quantity="errors", digit=5), measurements)["measured"] == pytest.approx(1)


@pytest.mark.parametrize("digit", [None, 4])
def test_precision_recall_and_f1_are_scikit_learns(digit: int | None) -> None:
    confusions = [confusion_matrix(97, d49=9, d41=2), confusion_matrix(96, d94=5)]
    measurements = make_measurements(make_system("okon", *(make_run(i, c) for i, c in enumerate(confusions))))
    expected = []
    for confusion in confusions:
        labels = np.repeat(np.arange(10), 100)
        predictions = np.concatenate([np.repeat(np.arange(10), row) for row in confusion])
        scores = precision_recall_fscore_support(labels, predictions, average=None if digit else "macro")[:3]
        expected.append([score[digit] if digit else score for score in scores])
    found = [
        judge(make_claim("0.9", "fraction", quantity=quantity, digit=digit), measurements)["measured"]
        for quantity in ("precision", "recall", "f1")
    ]
    assert found == pytest.approx(np.mean(expected, axis=0).tolist())


def test_scores_may_be_weighted_by_the_images_of_each_digit() -> None:
    confusion = confusion_matrix(97, d49=9, d41=2)
    confusion[3] *= 5
    labels = np.repeat(np.arange(10), confusion.sum(1))
    predictions = np.concatenate([np.repeat(np.arange(10), row) for row in confusion])
    measurements = make_measurements(make_system("okon", make_run(0, confusion)))
    found = [
        judge(make_claim("0.9", "fraction", quantity=f"weighted_{score}"), measurements)["measured"]
        for score in ("precision", "recall", "f1")
    ]
    assert found == pytest.approx(precision_recall_fscore_support(labels, predictions, average="weighted")[:3])


def test_images_are_counted_by_digit() -> None:
    measurements = make_measurements(test_labels=np.repeat([3, 4], [7, 5]))
    rows = [
        judge(make_claim("7", "images", quantity="n_test_images", digit=digit), measurements) for digit in (3, 4, 5)
    ]
    assert [row["measured"] for row in rows] == [7, 5, 0]
    assert [row["verdict"] for row in rows] == ["reproduced", "lower", "lower"]


def test_with_several_seeds_their_spread_alone_judges_a_score_of_the_test_images() -> None:
    row = judge(make_claim("0.970", "fraction", quantity="recall"), THREE)
    spread = T2 * np.std([0.95, 0.96, 0.98], ddof=1) * sqrt(4 / 3) + 0.0005
    assert row["judged_by"][0] == pytest.approx(np.mean([0.95, 0.96, 0.98]) - spread, rel=1e-4)


def test_the_spread_of_seeds_is_told_beside_the_error_of_the_images() -> None:
    okon = make_system("okon", *(make_run(seed, confusion_matrix(right)) for seed, right in enumerate((95, 97))))
    wang = make_system("wang", *(make_run(seed, confusion_matrix(96), valid=None) for seed in (0, 1)))
    ratios = spread_ratios(make_measurements(okon, wang, make_system("ffn", make_run(0, confusion_matrix(50)))))
    # The median of a system that spreads by sqrt(2) points, and one that does not.
    assert ratios["test_accuracy"] == pytest.approx(sqrt(2) / 100 / sqrt(0.96 * 0.04 / 1000) / 2)
    assert ratios["valid_accuracy"] == 0
    assert spread_ratios(make_measurements(make_system("okon", make_run(0, confusion_matrix())))) == {}


def test_the_sampling_error_of_precision_and_recall_is_that_of_a_rate() -> None:
    measurements = make_measurements(make_system("okon", make_run(0, confusion_matrix(100, d49=20))))
    for quantity, rate, n in (("recall", 0.8, 100), ("precision", 100 / 120, 120)):
        digit = 4 if quantity == "recall" else 9
        low, high = judge(make_claim("0.5", "fraction", quantity=quantity, digit=digit), measurements)["interval"]
        assert (high - low) / 2 == pytest.approx(Z * sqrt(rate * (1 - rate) / n), rel=0.1)
    low, high = judge(make_claim("0.5", "fraction", quantity="recall"), measurements)["interval"]
    assert (high - low) / 2 == pytest.approx(Z * sqrt(0.8 * 0.2 / 100) / 10, rel=0.1)


def test_the_most_missed_digit_has_rank_1_and_the_least_missed_rank_10() -> None:
    confusion = confusion_matrix(90, d91=40, d21=20)
    confusion[1] = np.eye(10, dtype=int)[1] * 100
    measurements = make_measurements(make_system("okon", make_run(0, confusion)))
    rows = {
        digit: judge(make_claim("1", "rank", quantity="missed_rank", digit=digit), measurements) for digit in (9, 2, 1)
    }
    assert [row["measured"] for row in rows.values()] == [1, 2, 10]
    assert [row["verdict"] for row in rows.values()] == ["reproduced", "higher", "higher"]
    assert rows[9]["judged_by"] == rows[9]["interval"] == [1, 1]


def test_a_pair_is_ranked_by_errors_both_ways_in_each_run() -> None:
    runs = [
        make_run(0, confusion_matrix(100, d49=4, d94=4, d27=9)),
        make_run(1, confusion_matrix(100, d72=1, d49=4)),
        make_run(2, confusion_matrix(100, d49=2, d56=3)),
    ]
    measurements = make_measurements(make_system("okon", *runs))
    rows = [
        judge(make_claim(["1", "3"], "rank", quantity="confused_pair_rank", pair=pair), measurements)
        for pair in ([4, 9], [9, 4], [2, 7])
    ]
    # 8, 4 and 2 errors; 9, 1 and none.
    ranks = {"4/9": [2, 1, 2], "2/7": [1, 2, 3]}
    assert [row["measured"] for row in rows] == [pytest.approx(np.mean(ranks[of])) for of in ("4/9", "4/9", "2/7")]
    t2 = 4.3027
    reach = t2 * np.std(ranks["4/9"], ddof=1)
    assert rows[0]["interval"] == pytest.approx([1, 5 / 3 + reach / sqrt(3)], rel=1e-4)
    assert rows[0]["judged_by"] == pytest.approx([1, 5 / 3 + reach * sqrt(4 / 3)], rel=1e-4)


def test_with_one_run_a_rank_may_be_what_another_test_set_would_make_it() -> None:
    measurements = make_measurements(make_system("okon", make_run(0, confusion_matrix(100, d49=4, d94=3, d27=6))))
    row = judge(make_claim(["1", "3"], "rank", quantity="confused_pair_rank", pair=[4, 9]), measurements)
    assert (row["measured"], row["interval"]) == (1, [1, 2])


def test_the_interval_of_a_mean_needs_two_values() -> None:
    assert mean_interval([3.0]) is None
    assert mean_interval([1.0, 2.0]) == pytest.approx((1.5 - T1 / 2, 1.5 + T1 / 2), rel=1e-4)
