from math import hypot, sqrt

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from digitrec.reproduction.claims import UNITS
from digitrec.reproduction.ledger import DECIMALS, Measurements, judge, judge_all, mean_interval, number_text
from tests.reproduction.measured import confusion_matrix, make_claim, make_measurements, make_run, make_system

# Of two sides, 95 %: Student's t with 1 and 2 degrees of freedom, and the normal distribution.
T1, T2, Z = 12.7062, 4.3027, 1.959964
ACCURACIES = (0.95, 0.96, 0.98)


def _okon(*rights: int, **changes: object) -> dict:
    return make_system(
        "okon", *(make_run(seed, confusion_matrix(right)) for seed, right in enumerate(rights)), **changes
    )


THREE = make_measurements(_okon(95, 96, 98))
ONE = make_measurements(_okon(96))


def _wilson(rate: float, n: int) -> tuple[float, float]:
    """By the formula of Wilson's paper."""
    middle = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return middle - half, middle + half


def test_several_seeds_give_students_interval_widened_by_the_images_and_the_rounding() -> None:
    row = judge(make_claim("96.3"), THREE)
    mean, half = np.mean(ACCURACIES), T2 * np.std(ACCURACIES, ddof=1) / sqrt(3)
    images = Z * sqrt(mean * (1 - mean) / 1000)
    assert row["measured"] == pytest.approx(100 * mean)
    assert row["interval"] == pytest.approx([100 * (mean - half), min(100, 100 * (mean + half))], rel=1e-4)
    assert row["judged_by"] == pytest.approx([100 * (mean - half - images) - 0.05, 100], rel=1e-4)
    assert (row["seeds"], row["epochs"], row["verdict"], row["explanation"]) == (3, 3, "reproduced", "")
    assert row["hardware"] == "Some CPU, 2 cores, torch 2.15.0"


def test_one_seed_gives_wilsons_interval_of_the_images_alone() -> None:
    row = judge(make_claim("0.96", "fraction"), ONE)
    low, high = _wilson(0.96, 1000)
    assert row["interval"] == pytest.approx([low, high])
    assert row["judged_by"] == pytest.approx([low - 0.005, high + 0.005])
    assert row["seeds"] == 1


@pytest.mark.parametrize(("quantity", "n"), [("train_accuracy", 4000), ("valid_accuracy", 500)])
def test_the_sampling_error_is_that_of_the_images_it_was_measured_on(quantity: str, n: int) -> None:
    row = judge(make_claim("95", quantity=quantity), ONE)
    rate = row["measured"] / 100
    assert row["interval"] == pytest.approx([100 * bound for bound in _wilson(rate, n)])


def test_the_verdict_turns_where_the_interval_ends() -> None:
    low, high = (100 * bound for bound in _wilson(0.96, 1000))
    published = [low - 0.02, low + 0.02, 96, high - 0.02, high + 0.02]
    verdicts = [judge(make_claim(f"{value:.3f}"), ONE)["verdict"] for value in published]
    assert verdicts == ["higher", "reproduced", "reproduced", "reproduced", "lower"]


@pytest.mark.parametrize(
    ("published", "verdict"),
    # The interval starts at 94.6.
    [("94", "higher"), ("94.4", "higher"), ("94.6", "reproduced"), ("94.56", "higher"), ("9e1", "reproduced")],
)
def test_half_a_unit_of_the_last_printed_digit_decides(published: str, verdict: str) -> None:
    assert judge(make_claim(published), ONE)["verdict"] == verdict


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        (["90", "95"], "reproduced"),
        (["90", "99"], "reproduced"),
        (["90.0", "92.0"], "higher"),
        (["98.0", "99.0"], "lower"),
    ],
)
def test_a_published_range_is_reproduced_where_it_meets_the_interval(published: list[str], verdict: str) -> None:
    row = judge(make_claim(published), ONE)
    assert row["verdict"] == verdict
    assert row["published"] == [float(bound) for bound in published]


def test_an_explanation_gives_the_difference_and_what_the_interval_allows() -> None:
    row = judge(make_claim("90.0"), ONE)
    low, _ = _wilson(0.96, 1000)
    assert row["explanation"] == f"6.00 points higher; the interval allows {96 - 100 * low + 0.05:.2f}"
    assert judge(make_claim("0.99", "fraction"), ONE)["explanation"].startswith("0.0300 lower; the interval allows ")


@pytest.mark.parametrize(("measurements", "seeds"), [(ONE, 1), (THREE, 3)])
def test_a_loss_has_the_sampling_error_of_its_images_losses(measurements: Measurements, seeds: int) -> None:
    # The same loss at every seed: all that is left is the images and the rounding.
    row = judge(make_claim("0.11", "nats", quantity="test_loss", epoch=2), measurements)
    half = Z * 0.4 / sqrt(1000)
    assert row["judged_by"] == pytest.approx([0.11 - half - 0.005, 0.11 + half + 0.005])
    assert (row["seeds"], row["verdict"]) == (seeds, "reproduced")
    assert judge(make_claim("11.0", quantity="test_loss", epoch=2), measurements)["measured"] == pytest.approx(11)


def test_a_loss_in_percent_may_be_above_a_hundred() -> None:
    run = make_run(0, confusion_matrix())
    run["history"][-1]["test_loss"] = 2.3
    row = judge(make_claim("0.6", quantity="test_loss"), make_measurements(make_system("okon", run)))
    assert row["interval"][0] > 200


def test_an_epoch_is_counted_from_one() -> None:
    assert [judge(make_claim("90", epoch=epoch), ONE)["measured"] for epoch in (1, 2, 3)] == pytest.approx([94, 95, 96])


def test_counts_are_judged_as_the_rates_that_they_are() -> None:
    low, high = _wilson(0.04, 1000)
    row = judge(make_claim("40", "images", quantity="errors"), ONE)
    assert (row["measured"], row["verdict"]) == (pytest.approx(40), "reproduced")
    assert row["interval"] == pytest.approx([1000 * low, 1000 * high])
    assert judge(make_claim("960", "images", quantity="correct"), ONE)["measured"] == pytest.approx(960)
    many = judge(make_claim("40", "images", quantity="errors"), THREE)
    mean, spread = np.mean([50, 40, 20]), T2 * np.std([50, 40, 20], ddof=1) / sqrt(3)
    images = Z * sqrt(mean * (1000 - mean) / 1000)
    assert many["judged_by"] == pytest.approx([0, mean + spread + images + 0.5], rel=1e-4)


def test_errors_by_digit_are_of_that_digits_images() -> None:
    measurements = make_measurements(make_system("okon", make_run(0, confusion_matrix(99, d41=10))))
    row = judge(make_claim("11", "images", quantity="errors", digit=4), measurements)
    assert row["measured"] == pytest.approx(11)
    assert row["interval"] == pytest.approx([100 * bound for bound in _wilson(0.11, 100)])
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


def test_a_pair_is_ranked_by_errors_both_ways_over_all_seeds() -> None:
    runs = [make_run(0, confusion_matrix(100, d49=4, d94=4, d27=9)), make_run(1, confusion_matrix(100, d72=1, d49=4))]
    measurements = make_measurements(make_system("okon", *runs))
    rows = [
        judge(make_claim(["1", "3"], "rank", quantity="confused_pair_rank", pair=pair), measurements)
        for pair in ([4, 9], [9, 4], [2, 7], [5, 6])
    ]
    # 12 errors, 10 errors, and none: behind the two that have some.
    assert [row["measured"] for row in rows] == [1, 1, 2, 3]
    # Where errors are few, another test set could have turned the two around.
    assert rows[0]["interval"][1] >= 2


def test_sizes_counts_and_settings_agree_to_the_last_printed_digit_or_not() -> None:
    def verdict(value: str, unit: str, quantity: str) -> str:
        row = judge(make_claim(value, unit, quantity=quantity), ONE)
        assert row["interval"] is None
        return row["verdict"]

    assert verdict("93390", "parameters", "n_parameters") == "reproduced"
    assert verdict("93391", "parameters", "n_parameters") == "lower"
    assert verdict("93.4", "thousand parameters", "n_parameters") == "reproduced"
    assert verdict("93.3", "thousand parameters", "n_parameters") == "higher"
    assert verdict("0.374", "megabytes", "size_mb") == "reproduced"
    assert verdict("0.375", "megabytes", "size_mb") == "lower"
    assert verdict("0.1307", "fraction", "pixel_mean") == "reproduced"
    assert verdict("0.1306", "fraction", "pixel_mean") == "higher"
    assert verdict("0.3", "fraction", "pixel_std") == "reproduced"
    assert verdict("5500", "images", "n_images") == "reproduced"
    assert verdict("4500", "images", "n_train_images") == "reproduced"
    assert verdict("1001", "images", "n_test_images") == "lower"
    assert verdict("128", "number", "n_candidates") == "reproduced"


@pytest.mark.parametrize(
    ("strategy", "verdict"), [("halving", "not comparable"), ("grid", "higher")], ids=["halving", "grid"]
)
def test_a_search_by_halving_has_no_winner_that_a_full_grids_can_be_held_against(strategy: str, verdict: str) -> None:
    search = {"best_params": {"lr": 0.001}, "n_candidates": 128, "n_fits": 510, "strategy": strategy}
    measurements = make_measurements(search=search)
    for quantity, value, measured in (("best_lr", "0.0001", 0.001), ("n_fits", "384", 510)):
        row = judge(make_claim(value, "number", quantity=quantity), measurements)
        assert (row["verdict"], row["measured"]) == (verdict, measured)
        assert ("halving" in row["explanation"]) is (strategy == "halving")


def test_baselines_are_judged_by_their_predictions() -> None:
    row = judge(make_claim("0.86", "fraction", run="knn"), make_measurements())
    assert (row["measured"], row["seeds"], row["epochs"], row["verdict"]) == (0.95, 1, None, "higher")
    assert row["interval"] == pytest.approx(list(_wilson(0.95, 1000)))


def test_differences_are_paired_by_seed() -> None:
    plain = make_system(
        "okon", *(make_run(seed, confusion_matrix(right)) for seed, right in ((0, 90), (1, 93), (7, 50)))
    )
    better = make_system(
        "okon-logits", *(make_run(seed, confusion_matrix(right)) for seed, right in ((1, 97), (0, 95)))
    )
    claim = make_claim("3.4", "points", run="okon-logits", minus="okon")
    row = judge(claim, make_measurements(plain, better))
    half = T1 * np.std([5, 4], ddof=1) / sqrt(2)
    assert (row["published"], row["measured"]) == (3.4, pytest.approx(4.5))
    assert row["interval"] == pytest.approx([4.5 - half, 4.5 + half], rel=1e-4)
    rates = np.mean([0.97, 0.95]), np.mean([0.90, 0.93, 0.50])
    images = hypot(*(100 * Z * sqrt(rate * (1 - rate) / 1000) for rate in rates))
    assert row["judged_by"] == pytest.approx([4.5 - half - images - 0.05, 4.5 + half + images + 0.05], rel=1e-4)
    assert row["seeds"] == 2


def test_times_are_shown_and_not_judged() -> None:
    keys = {"unit": "seconds", "not_comparable": "other hardware"}
    whole = judge(make_claim("235", quantity="training_seconds", **keys), ONE)
    epoch = judge(make_claim("5", quantity="epoch_seconds", **keys), ONE)
    assert (whole["measured"], epoch["measured"]) == (15, 5)
    assert (whole["verdict"], whole["explanation"]) == ("not comparable", "other hardware")


def test_a_shortened_run_is_shown_and_its_size_alone_judged() -> None:
    measurements = make_measurements(_okon(96, shortened=True, published_epochs=20))
    row = judge(make_claim("96"), measurements)
    assert (row["verdict"], row["shortened"], row["measured"]) == ("not comparable", True, pytest.approx(96))
    assert row["explanation"] == "shortened: 3 of 20 epochs on 4,000 images"
    assert judge(make_claim("93390", "parameters", quantity="n_parameters"), measurements)["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("claim", "measurements"),
    [
        (make_claim("96"), make_measurements()),
        (make_claim("96"), make_measurements(make_system("okon"))),
        (make_claim("93390", "parameters", quantity="n_parameters"), make_measurements(make_system("okon"))),
        (make_claim("96", epoch=4), ONE),
        (make_claim("1", "points", minus="okon-logits"), ONE),
        (make_claim("1", "points", minus="wang"), make_measurements(_okon(96), make_system("wang"))),
        (make_claim("0.9", "fraction", run="svm"), ONE),
        (make_claim("0.1", "number", quantity="best_lr"), make_measurements(search=None)),
        (make_claim("0.1", "fraction", quantity="pixel_mean"), make_measurements(pixels=None)),
        (
            make_claim("3", "seconds", quantity="epoch_seconds", not_comparable="x"),
            make_measurements(_okon(1), times={}),
        ),
    ],
)
def test_there_is_no_verdict_without_a_run(claim: object, measurements: Measurements) -> None:
    row = judge(claim, measurements)
    assert (row["verdict"], row["measured"], row["interval"], row["judged_by"]) == (
        "not yet measured",
        None,
        None,
        None,
    )


def test_the_same_measurements_give_the_same_ledger() -> None:
    claims = [make_claim("0.9", "fraction", quantity="f1"), make_claim("1", "rank", quantity="missed_rank", digit=9)]
    assert judge_all(claims, THREE) == judge_all(claims, THREE)


def test_the_interval_of_a_mean_needs_two_values() -> None:
    assert mean_interval([3.0]) is None
    assert mean_interval([1.0, 2.0]) == pytest.approx((1.5 - T1 / 2, 1.5 + T1 / 2), rel=1e-4)


def test_every_unit_can_be_written() -> None:
    assert {*DECIMALS, "number"} == set(UNITS)
    assert number_text(120.0, "images") == "120"
    assert number_text(1120.4, "images") == "1,120.4"
    assert number_text(0.0001, "number") == "0.0001"
    assert number_text(0.98765, "fraction") == "0.9877"
