import json
from math import hypot, sqrt

import numpy as np
import pytest

from digitrec.config.section import known_names
from digitrec.reproduction.claims import UNITS, load_claims
from digitrec.reproduction.ledger import DECIMALS, judge, judge_all, number_text
from digitrec.reproduction.measures import Measurements
from digitrec.reproduction.systems import load_systems
from tests.reproduction.measured import (
    ONE,
    T1,
    T2,
    THREE,
    committed_measurements,
    confusion_matrix,
    make_claim,
    make_measurements,
    make_run,
    make_system,
    okon,
    wilson,
)
from tests.tiny import ROOT

ACCURACIES = (0.95, 0.96, 0.98)


def test_several_seeds_are_judged_by_the_interval_of_one_more_run_and_the_rounding() -> None:
    row = judge(make_claim("96.3"), THREE)
    mean, spread = np.mean(ACCURACIES), T2 * np.std(ACCURACIES, ddof=1)
    assert row["measured"] == pytest.approx(100 * mean)
    assert row["interval"] == pytest.approx([100 * (mean - spread / sqrt(3)), 100], rel=1e-4)
    # The images are the same ones: their sampling error is not added.
    assert row["judged_by"] == pytest.approx([100 * (mean - spread * sqrt(4 / 3)) - 0.05, 100], rel=1e-4)
    assert (row["seeds"], row["epochs"], row["verdict"], row["explanation"]) == (3, 3, "reproduced", "")
    assert row["hardware"] == "Some CPU, 2 cores, torch 2.15.0"


def _one_seed(rate: float, n: int, factor: float = 2) -> list[float]:
    """Where one seed's interval ends: Wilson's, as far again as a second run could be."""
    low, high = wilson(rate, n)
    return [rate - sqrt(factor) * (rate - low), rate + sqrt(factor) * (high - rate)]


def test_one_seed_gives_wilsons_interval_and_the_images_stand_in_for_the_seeds() -> None:
    row = judge(make_claim("0.96", "fraction"), ONE)
    low, high = _one_seed(0.96, 1000)
    assert row["interval"] == pytest.approx(list(wilson(0.96, 1000)))
    assert row["judged_by"] == pytest.approx([low - 0.005, high + 0.005])
    assert row["seeds"] == 1


@pytest.mark.parametrize(("quantity", "n", "factor"), [("train_accuracy", 4000, 2), ("valid_accuracy", 500, 3)])
def test_the_sampling_error_is_that_of_the_images_it_was_measured_on(quantity: str, n: int, factor: int) -> None:
    row = judge(make_claim("95.00", quantity=quantity), ONE)
    rate = row["measured"] / 100
    assert row["interval"] == pytest.approx([100 * bound for bound in wilson(rate, n)])
    # A validation set is of other images than the published one: there the images count once more.
    low, high = _one_seed(rate, n, factor)
    assert row["judged_by"] == pytest.approx([100 * low - 0.005, 100 * high + 0.005])


def test_the_sampling_error_of_a_validation_set_is_added_as_an_independent_error() -> None:
    runs = [make_run(seed, confusion_matrix(), valid=valid) for seed, valid in enumerate((0.90, 0.92))]
    row = judge(make_claim("91.00", quantity="valid_accuracy"), make_measurements(make_system("okon", *runs)))
    spread, low = T1 * np.std([0.90, 0.92], ddof=1) * sqrt(1.5), wilson(0.91, 500)[0]
    assert row["judged_by"][0] == pytest.approx(100 * (0.91 - hypot(spread, 0.91 - low)) - 0.005, rel=1e-4)
    plain = judge(make_claim("91.00", quantity="train_accuracy"), make_measurements(make_system("okon", *runs)))
    assert plain["judged_by"] == pytest.approx([98.995, 99.005])


def test_the_verdict_turns_where_the_interval_ends() -> None:
    low, high = (100 * bound for bound in _one_seed(0.96, 1000))
    published = [low - 0.02, low + 0.02, 96, high - 0.02, high + 0.02]
    verdicts = [judge(make_claim(f"{value:.3f}"), ONE)["verdict"] for value in published]
    assert verdicts == ["higher", "reproduced", "reproduced", "reproduced", "lower"]


@pytest.mark.parametrize(
    ("published", "verdict"),
    # The interval starts at 94.02.
    [("93", "higher"), ("93.9", "higher"), ("94.0", "reproduced"), ("93.99", "higher"), ("9e1", "reproduced")],
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


def test_seeds_that_split_into_two_groups_decide_nothing_and_are_told_of() -> None:
    split = make_measurements(okon(98, 10, 97, 11))
    for published in ("95", "99.9", "5.0"):
        row = judge(make_claim(published), split)
        assert row["verdict"] == "undecided"
        assert row["explanation"] == "2 of 4 seeds are at 10.00 to 11.00 %, 2 at 97.00 to 98.00 %"
    recall = judge(make_claim("0.5", "fraction", quantity="recall"), make_measurements(okon(98, 97, 10)))
    assert recall["explanation"] == "1 of 3 seeds are at 0.1000, 2 at 0.9700 to 0.9800"
    # All on one side, however far from the published value.
    assert judge(make_claim("97.0"), make_measurements(okon(10, 11, 12)))["verdict"] == "lower"
    assert judge(make_claim("97.0"), make_measurements(okon(96, 98)))["explanation"] == ""


def test_an_interval_that_holds_every_value_decides_nothing() -> None:
    wide = make_measurements(okon(50, 55, 59))
    assert judge(make_claim("90.0"), wide)["verdict"] == "lower"
    # Student's t for two seeds is so large that nine points are too many.
    row = judge(make_claim("90.0"), make_measurements(okon(50, 59)))
    assert (row["judged_by"], row["verdict"]) == ([0, 100], "undecided")
    assert row["explanation"] == "the interval holds every value that is possible"
    # The most missed digit in one run, the least missed in another.
    best = confusion_matrix()
    best[3] = np.eye(10, dtype=int)[3] * 100
    runs = make_run(0, confusion_matrix(d35=40)), make_run(1, best)
    row = judge(make_claim("3", "rank", quantity="missed_rank", digit=3), make_measurements(make_system("okon", *runs)))
    assert (row["judged_by"], row["verdict"]) == ([1, 10], "undecided")


def test_a_verdict_on_what_was_assumed_is_worded_so() -> None:
    found = {value: judge(make_claim(value, assumed="sizes"), ONE) for value in ("90.0", "96.0", "99.0")}
    assert [row["verdict"] for row in found.values()] == [
        "higher under our reading",
        "reproduced under our reading",
        "lower under our reading",
    ]
    assert {row["assumed"] for row in found.values()} == {"sizes"}
    assert judge(make_claim("96.0", assumed="sizes"), make_measurements())["verdict"] == "not yet measured"
    assert judge(make_claim("96.0", assumed="x", not_comparable="y"), ONE)["verdict"] == "not comparable"


def test_an_explanation_gives_the_difference_and_what_the_interval_allows() -> None:
    row = judge(make_claim("90.0"), ONE)
    low, _ = _one_seed(0.96, 1000)
    assert row["explanation"] == f"6.00 points higher; the interval allows {96 - 100 * low + 0.05:.2f}"
    assert judge(make_claim("0.99", "fraction"), ONE)["explanation"].startswith("0.0300 lower; the interval allows ")


def test_a_loss_in_percent_may_be_above_a_hundred() -> None:
    run = make_run(0, confusion_matrix())
    run["history"][-1]["test_loss"] = 2.3
    row = judge(make_claim("0.6", quantity="test_loss"), make_measurements(make_system("okon", run)))
    assert row["interval"][0] > 200


def test_counts_are_judged_as_the_rates_that_they_are() -> None:
    low, high = wilson(0.04, 1000)
    row = judge(make_claim("40", "images", quantity="errors"), ONE)
    assert (row["measured"], row["verdict"]) == (pytest.approx(40), "reproduced")
    assert row["interval"] == pytest.approx([1000 * low, 1000 * high])
    assert judge(make_claim("960", "images", quantity="correct"), ONE)["measured"] == pytest.approx(960)
    many = judge(make_claim("40", "images", quantity="errors"), THREE)
    mean, spread = np.mean([50, 40, 20]), T2 * np.std([50, 40, 20], ddof=1) * sqrt(4 / 3)
    assert many["judged_by"] == pytest.approx([0, mean + spread + 0.5], rel=1e-4)


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


def test_a_winner_is_found_among_training_parameters_and_among_a_networks_arguments() -> None:
    # As searches write it now, and as they wrote it before the arguments stood apart.
    for winner in ({"lr": 0.001, "architecture": {"num_units": 10}}, {"lr": 0.001, "num_units": 10}):
        measurements = make_measurements(search={"best_params": winner, "n_candidates": 1, "strategy": "grid"})
        rows = [
            judge(make_claim(value, "number", quantity=quantity), measurements)
            for quantity, value in (("best_lr", "0.001"), ("best_num_units", "10"))
        ]
        assert [row["verdict"] for row in rows] == ["reproduced"] * 2


def test_baselines_are_judged_by_their_predictions() -> None:
    row = judge(make_claim("0.86", "fraction", run="knn"), make_measurements())
    assert (row["measured"], row["seeds"], row["epochs"], row["verdict"]) == (0.95, 1, None, "higher")
    assert row["interval"] == pytest.approx(list(wilson(0.95, 1000)))


def test_differences_are_paired_by_seed() -> None:
    plain = make_system(
        "okon", *(make_run(seed, confusion_matrix(right)) for seed, right in ((0, 90), (1, 93), (7, 50)))
    )
    better = make_system(
        "okon-logits", *(make_run(seed, confusion_matrix(right)) for seed, right in ((1, 97), (0, 95)))
    )
    claim = make_claim("3.4", "points", run="okon-logits", minus="okon")
    row = judge(claim, make_measurements(plain, better))
    spread = T1 * np.std([5, 4], ddof=1)
    assert (row["published"], row["measured"]) == (3.4, pytest.approx(4.5))
    assert row["interval"] == pytest.approx([4.5 - spread / sqrt(2), 4.5 + spread / sqrt(2)], rel=1e-4)
    one_more = spread * sqrt(1.5) + 0.05
    assert row["judged_by"] == pytest.approx([4.5 - one_more, 4.5 + one_more], rel=1e-4)
    assert row["seeds"] == 2


def test_a_baseline_is_taken_off_every_seed() -> None:
    row = judge(make_claim("1.0", "points", minus="knn"), THREE)
    spread = T2 * np.std([0, 1, 3], ddof=1) * sqrt(4 / 3) + 0.05
    assert (row["measured"], row["seeds"]) == (pytest.approx(4 / 3), 3)
    assert row["judged_by"] == pytest.approx([4 / 3 - spread, 4 / 3 + spread], rel=1e-4)


def test_the_images_of_both_stand_in_where_one_seed_gives_one_difference() -> None:
    row = judge(make_claim("1.00", "points", minus="knn"), ONE)
    (low, high), (other_low, other_high) = wilson(0.96, 1000), wilson(0.95, 1000)
    below, above = hypot(0.96 - low, other_high - 0.95), hypot(high - 0.96, 0.95 - other_low)
    assert row["interval"] == pytest.approx([1 - 100 * below, 1 + 100 * above])
    assert row["judged_by"] == pytest.approx([1 - 100 * sqrt(2) * below - 0.005, 1 + 100 * sqrt(2) * above + 0.005])


def test_times_are_shown_and_not_judged() -> None:
    keys = {"unit": "seconds", "not_comparable": "other hardware"}
    whole = judge(make_claim("235", quantity="training_seconds", **keys), ONE)
    epoch = judge(make_claim("5", quantity="epoch_seconds", **keys), ONE)
    assert (whole["measured"], epoch["measured"]) == (15, 5)
    assert (whole["verdict"], whole["explanation"]) == ("not comparable", "other hardware")


def test_a_shortened_run_is_shown_and_its_size_alone_judged() -> None:
    measurements = make_measurements(okon(96, shortened=True, published_epochs=20))
    row = judge(make_claim("96"), measurements)
    assert (row["verdict"], row["shortened"], row["measured"]) == ("not comparable", True, pytest.approx(96))
    assert row["explanation"] == "shortened: 3 of 20 epochs on 4,000 images"
    # What it did not come to.
    row = judge(make_claim("96.0", epoch=10), measurements)
    assert (row["verdict"], row["measured"]) == ("not comparable", None)
    assert row["explanation"] == "shortened: 3 of 20 epochs on 4,000 images"
    assert judge(make_claim("93390", "parameters", quantity="n_parameters"), measurements)["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("claim", "measurements"),
    [
        (make_claim("96"), make_measurements()),
        (make_claim("96"), make_measurements(make_system("okon"))),
        (make_claim("96", epoch=4), ONE),
        (make_claim("1", "points", minus="okon-logits"), ONE),
        (make_claim("1", "points", minus="wang"), make_measurements(okon(96), make_system("wang"))),
        (make_claim("0.9", "fraction", run="svm"), ONE),
        (make_claim("0.1", "number", quantity="best_lr"), make_measurements(search=None)),
        (make_claim("0.1", "fraction", quantity="pixel_mean"), make_measurements(pixels=None)),
        (
            make_claim("3", "seconds", quantity="epoch_seconds", not_comparable="x"),
            make_measurements(okon(1), times={}),
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


def test_a_size_needs_no_run() -> None:
    row = judge(make_claim("93390", "parameters", quantity="n_parameters"), make_measurements(make_system("okon")))
    assert (row["verdict"], row["measured"], row["seeds"]) == ("reproduced", 93390, None)


def test_the_same_measurements_give_the_same_ledger() -> None:
    claims = [make_claim("0.9", "fraction", quantity="f1"), make_claim("1", "rank", quantity="missed_rank", digit=9)]
    assert judge_all(claims, THREE) == judge_all(claims, THREE)


def test_the_committed_ledger_is_what_the_committed_measurements_give() -> None:
    root = ROOT / "reproduction"
    claims = load_claims(root / "claims.yaml", load_systems(root / "params.yaml").systems)
    # The last bits of a sum depend on its order.
    found, committed_rows = (
        json.loads(text, parse_float=lambda number: round(float(number), 12))
        for text in (
            json.dumps(judge_all(claims, committed_measurements())),
            (root / "metrics/claims.json").read_text(),
        )
    )
    rows, baselines = zip(found, committed_rows, strict=True), known_names("baselines")
    different = [
        ours
        for ours, committed in rows
        if ours != committed and ours["run"] not in baselines and ours["minus"] not in baselines
    ]
    assert different == []


def test_every_unit_can_be_written() -> None:
    assert {*DECIMALS, "number"} == set(UNITS)
    assert number_text(120.0, "images") == "120"
    assert number_text(1120.4, "images") == "1,120.4"
    assert number_text(0.0001, "number") == "0.0001"
    assert number_text(0.98765, "fraction") == "0.9877"
