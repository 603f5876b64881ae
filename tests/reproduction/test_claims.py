import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from digitrec.errors import ParamsError
from digitrec.reproduction.claims import TIMES, Claim, load_claims, load_papers, paper_of, published_times
from digitrec.reproduction.systems import load_systems
from tests.tiny import ROOT

SYSTEMS = load_systems(ROOT / "reproduction/params.yaml").systems
COMMITTED = load_claims(ROOT / "reproduction/claims.yaml", SYSTEMS)
PAPERS = {"okon": {"title": "Okon", "summary": "It holds.", "rebuilt": "All.", "contradictions": ["One."]}}
CLAIM = {
    "system": "okon",
    "quantity": "test_accuracy",
    "value": 98.58,
    "unit": "percent",
    "where": "Results",
    "protocol": "20 epochs",
    "note": "",
}


def _load(folder: Path, *claims: Any, papers: Any = PAPERS) -> list[Claim]:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"papers": papers, "claims": list(claims)}))
    return load_claims(path, SYSTEMS)


def _mistakes(folder: Path, *claims: Any, papers: Any = PAPERS) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        _load(folder, *claims, papers=papers)
    assert caught.value.exit_status == 2
    assert "claims.yaml: " in str(caught.value)
    return caught.value.mistakes


def _values(system: str, *quantities: str) -> list[str]:
    """As printed, of the claims that the system itself measures."""
    return [
        str(claim.value)
        for quantity in quantities
        for claim in COMMITTED
        if (claim.system, claim.quantity, claim.run, claim.minus) == (system, quantity, None, None)
    ]


def test_the_committed_file_holds_every_paper() -> None:
    assert len(COMMITTED) == 269
    assert {paper_of(claim.system) for claim in COMMITTED} == set(load_papers(ROOT / "reproduction/claims.yaml"))
    assert sum(bool(claim.note) for claim in COMMITTED) > 60


@pytest.mark.parametrize(
    ("network", "column"),
    [
        ("mlp", "97.0 96.7 97.1 97.2 97.1 97.1 97.2 97.3 96.7 97.1 97.3 96.6"),
        ("lenet", "95.3 96.9 99.3 95.3 91.7 99.2 96.3 88.0 98.1 96.2 97.1 99.2"),
        ("googlenet", "95.3 96.9 99.3 95.3 91.7 99.2 96.3 88.0 98.1 96.2 97.1 99.2"),
        ("resnet18", "98.2 97.8 99.1 98.0 98.2 99.2 98.2 98.3 99.2 98.1 97.2 99.4"),
    ],
)
def test_the_sweep_is_as_printed_and_its_lenet_column_is_held_against_two_networks(network: str, column: str) -> None:
    accuracies = ("train_accuracy", "valid_accuracy", "test_accuracy")
    systems = [f"pham-{network}-lr-{rate}" for rate in ("2e-2", "1e-2", "2e-4", "1e-4")]
    epochs = [None] * 4
    if network != "googlenet":
        # At the rate of the long training, its first ten epochs are the sweep's.
        systems[2], epochs[2] = f"pham-{network}", 10
    printed = {
        (claim.system, claim.epoch, claim.quantity): str(claim.value)
        for claim in reversed(COMMITTED)
        if claim.run is None
    }
    places = [(*place, quantity) for place in zip(systems, epochs, strict=True) for quantity in accuracies]
    assert [printed[place] for place in places] == column.split()


@pytest.mark.parametrize(
    ("system", "quantities", "values"),
    [
        (
            "okon",
            ["test_accuracy", "weighted_precision", "weighted_recall", "weighted_f1"],
            "98.58 0.99 0.99 0.99 0.99",
        ),
        ("okon", ["precision"], "0.98 0.99 0.99 0.99 0.99 0.98 0.99 0.98 0.99 0.98 0.99"),
        ("okon", ["recall"], "0.99 1.00 0.98 0.99 0.99 0.99 0.98 0.99 0.98 0.97 0.99"),
        ("okon", ["f1"], "0.98 0.99 0.99 0.99 0.99 0.99 0.98 0.98 0.98 0.98 0.99"),
        ("okon", ["n_test_images"], "10000 980 1135 1032 1010 982 892 958 1028 974 1009"),
        ("okon", ["n_candidates", "n_fits", "best_lr", "best_max_epochs"], "128 384 0.0001 15"),
        ("wang", ["test_accuracy", "correct", "test_loss"], "96 97 97 98 98 98 98 98 98.21 9821 0.0527"),
        ("shah", ["pixel_mean", "pixel_std", "test_accuracy"], "0.1307 0.3081 98.93"),
        ("pham-resnet18", ["train_accuracy", "valid_accuracy", "test_accuracy"], "98.2 98.9 98.3 99.0 99.2 99.1 99"),
        ("pham-resnet18", ["n_parameters", "size_mb", "training_seconds"], "11.2 44.701 502"),
        ("pham-googlenet", ["test_loss", "n_parameters", "size_mb"], "0.6 10.0 39.817"),
        ("ffn", ["n_parameters", "test_accuracy"], "[92, 96]"),
    ],
)
def test_numbers_are_as_printed(system: str, quantities: list[str], values: str) -> None:
    assert " ".join(_values(system, *quantities)) == values


@pytest.mark.parametrize(
    ("quantity", "total"),
    [
        ("train_loss", "30.3557"),
        ("valid_accuracy", "19.3976"),
        ("valid_loss", "37.8922"),
        ("epoch_seconds", "509.0567"),
    ],
)
def test_the_table_of_the_final_training_is_whole(quantity: str, total: str) -> None:
    column = {claim.epoch: claim.value for claim in COMMITTED if (claim.system, claim.quantity) == ("okon", quantity)}
    assert list(column) == list(range(1, 21))
    assert sum(column.values()) == Decimal(total)


def test_what_the_texts_do_not_give_is_assumed() -> None:
    assumed = {claim.measured_by for claim in COMMITTED if claim.assumed}
    assert {"knn", "gaussian_naive_bayes", "wang", "ffn", "pham-mlp", "pham-mlp-lr-1e-4", "shah"} <= assumed
    assert {"pham-resnet18-lr-1e-4", "pham-lenet-lr-2e-2", "pham-googlenet-lr-1e-2"} <= assumed
    assert not assumed & {"okon-logits", "okon-statistics"}
    sizes = {claim.measured_by: claim.assumed for claim in COMMITTED if claim.quantity == "size_mb"}
    assert sizes["pham-mlp"] == "layer sizes, activation"
    assert sizes["pham-resnet18"] is None
    losses = [claim for claim in COMMITTED if claim.system.startswith("pham") and claim.quantity.endswith("_loss")]
    assert all("of which images" in str(claim.assumed) for claim in losses)
    assert {claim.measured_by for claim in COMMITTED if claim.system == "okon" and claim.assumed} >= {"svm", "knn"}


def test_the_comparison_table_names_who_measures_each_row() -> None:
    table = {claim.measured_by: str(claim.value) for claim in COMMITTED if claim.where.startswith("Comparison table")}
    assert table == {
        "decision_tree": "0.90",
        "svm": "0.95",
        "random_forest": "0.93",
        "gaussian_naive_bayes": "0.90",
        "knn": "0.86",
        "wang": "0.98",
        "ffn": "0.93",
        "okon": "0.99",
    }


def test_claims_that_can_have_no_verdict_say_why() -> None:
    reasons = {claim.measured_by: claim.not_comparable for claim in COMMITTED if claim.not_comparable}
    assert "hardware" in reasons["pham-resnet18"]
    assert "quoted" in reasons["ffn"]
    cited = [claim for claim in COMMITTED if claim.where == "Comparison table" and claim.run in ("wang", "ffn")]
    assert all("architecture" in str(claim.not_comparable) for claim in cited)
    assert all(claim.not_comparable for claim in COMMITTED if claim.quantity in TIMES)


@pytest.mark.parametrize(
    ("text", "half_unit"),
    [("98.58", "0.005"), ("98.50", "0.005"), ("98", "0.5"), ("1e1", "5"), ("[92, 96.0]", "0.05"), (".5", "0.05")],
)
def test_a_number_keeps_its_printed_decimals(tmp_path: Path, text: str, half_unit: str) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"papers": PAPERS, "claims": [CLAIM]}).replace("value: 98.58", f"value: {text}"))
    claim = load_claims(path, SYSTEMS)[0]
    assert claim.half_unit == Decimal(half_unit)


def test_printed_decimals_are_kept_where_a_claim_takes_over_the_keys_of_another(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    first = yaml.safe_dump(CLAIM, default_flow_style=True, width=1000).strip().replace("98.58", "98.50")
    papers = yaml.safe_dump({"papers": PAPERS})
    path.write_text(f"{papers}claims:\n- &first {first}\n- {{<<: *first, epoch: 3}}\n")
    assert [(str(claim.value), claim.epoch) for claim in load_claims(path, SYSTEMS)] == [("98.50", None), ("98.50", 3)]


def test_a_rank_is_not_rounded(tmp_path: Path) -> None:
    rank = CLAIM | {"quantity": "missed_rank", "digit": 9, "value": 1, "unit": "rank"}
    assert _load(tmp_path, rank)[0].half_unit == 0


def test_a_list_of_epochs_or_digits_is_a_claim_for_each(tmp_path: Path) -> None:
    by_epoch = {**_without("value"), "epochs": [97, 98.5]}
    by_digit = {**_without("value"), "quantity": "recall", "unit": "fraction", "digits": [1.0, 0.5]}
    claims = _load(tmp_path, by_epoch, by_digit)
    assert [(str(claim.value), claim.epoch, claim.digit) for claim in claims] == [
        ("97", 1, None),
        ("98.5", 2, None),
        ("1.0", None, 0),
        ("0.5", None, 1),
    ]
    assert {claim.where for claim in claims} == {"Results"}


def test_a_mistake_that_all_of_a_list_share_is_told_once(tmp_path: Path) -> None:
    mistakes = _mistakes(tmp_path, {**_without("value"), "epochs": [97, 98], "unit": "nats"})
    expected = "unit: got 'nats', expected percent or fraction for test_accuracy"
    assert mistakes == [f"claims[0] (okon, test_accuracy): {expected}"]
    _mistakes(tmp_path, {**_without("value"), "epochs": list(range(50, 71))})


def _assumed(folder: Path, assumed: Any, *claims: dict) -> list[str | None]:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"papers": PAPERS, "assumed": assumed, "claims": list(claims)}))
    return [claim.assumed for claim in load_claims(path, SYSTEMS)]


def test_what_is_assumed_of_a_run_is_assumed_of_its_variants_unless_a_claim_says_otherwise(tmp_path: Path) -> None:
    claims = [
        CLAIM,
        CLAIM | {"run": "wang-no-dropout"},
        CLAIM | {"run": "knn", "assumed": "which one"},
        CLAIM | {"minus": "wang", "unit": "points", "value": 3},
        CLAIM | {"minus": "wang", "run": "okon-logits", "unit": "points", "value": 3},
        CLAIM | {"quantity": "n_images", "unit": "images", "value": 7, "run": "wang"},
        CLAIM | {"quantity": "n_parameters", "unit": "parameters", "value": 7, "run": "wang"},
        CLAIM | {"quantity": "n_parameters", "unit": "parameters", "value": 7, "run": "okon-logits"},
    ]
    assumed = {
        "wang": {"network": "sizes", "training": "rates"},
        "knn": {"training": "settings"},
        "okon-logits": {"training": "all"},
    }
    both = "sizes; rates"
    assert _assumed(tmp_path, assumed, *claims) == [None, both, "which one", both, f"all; {both}", None, "sizes", None]


@pytest.mark.parametrize(
    ("assumed", "mistake"),
    [
        ({"wan": {"network": "sizes"}}, "assumed.wan: is no known name; did you mean 'wang'?"),
        (
            {"wang": {"network": ""}},
            "assumed.wang.network: got '', expected what is assumed of its network, and so of its size",
        ),
    ],
)
def test_what_is_assumed_of_nothing_is_a_mistake(tmp_path: Path, assumed: dict, mistake: str) -> None:
    with pytest.raises(ParamsError) as caught:
        _assumed(tmp_path, assumed, CLAIM)
    assert caught.value.mistakes == [mistake]


def test_the_published_time_of_a_training_is_the_number_or_the_middle_of_a_range(tmp_path: Path) -> None:
    time = CLAIM | {"quantity": "training_seconds", "unit": "seconds", "not_comparable": "other hardware"}
    claims = _load(tmp_path, CLAIM, time | {"value": 502}, time | {"value": [90, 125], "run": "okon-logits"})
    assert published_times(claims) == {"okon": 502.0, "okon-logits": 107.5}


def _without(key: str) -> dict:
    return {name: value for name, value in CLAIM.items() if name != key}


@pytest.mark.parametrize(
    ("claim", "mistake"),
    [
        (CLAIM | {"system": "okan"}, r"\(okan, test_accuracy\): system: got 'okan', expected one of ffn, .*'okon'\?"),
        (CLAIM | {"run": "knnn"}, r"run: got 'knnn', expected one of .*; did you mean 'knn'\?"),
        (CLAIM | {"minus": "okom", "unit": "points"}, r"minus: got 'okom', expected one of .*; did you mean 'okon'\?"),
        (CLAIM | {"quantity": "test_acuracy"}, r"quantity: got 'test_acuracy', .*; did you mean 'test_accuracy'\?"),
        (_without("unit"), r"\(okon, test_accuracy\): unit: is missing, expected one of fraction, images, "),
        (CLAIM | {"unit": "per cent"}, r"unit: got 'per cent', expected one of .*; did you mean 'percent'\?"),
        (CLAIM | {"unit": "nats"}, r"unit: got 'nats', expected percent or fraction for test_accuracy"),
        (CLAIM | {"unit": "points"}, r"unit: got 'points', expected percent or fraction for test_accuracy"),
        (CLAIM | {"minus": "okon-logits"}, r"unit: got 'percent', expected points for a difference of test_accuracy"),
        (CLAIM | {"unit": "fraction"}, r"value: got 98.58, expected a number from 0 to 1 for fraction"),
        (CLAIM | {"value": [98, 101]}, r"value: got 101, expected a number from 0 to 100 for percent"),
        (CLAIM | {"value": [99, 98]}, r"value: got \[99, 98\], expected a number, or \[lowest, highest\]"),
        (CLAIM | {"value": "98.58 %"}, r"value: got '98.58 %', expected a number, or"),
        (CLAIM | {"value": True}, r"value: got True, expected a number, or"),
        (CLAIM | {"value": float("nan")}, r"value: got nan, expected a number, or"),
        (_without("value"), r"value: is missing, expected a number, or"),
        (_without("where"), r"where: is missing, expected the place in the text"),
        (CLAIM | {"wehre": "x"}, r"wehre: is no known key; did you mean 'where'\?"),
        (CLAIM | {"epoch": 21}, r"epoch: got 21, expected at most 20, the epochs of okon"),
        (CLAIM | {"epoch": 0}, r"epoch: got 0, expected a whole number >= 1"),
        (CLAIM | {"digit": 3}, r"digit: makes no sense here, test_accuracy has no value by digit"),
        (
            CLAIM | {"quantity": "errors", "unit": "images", "epoch": 3},
            r"epoch: makes no sense here, errors has no value by epoch",
        ),
        (CLAIM | {"quantity": "errors", "unit": "images", "digit": 10}, r"digit: got 10, expected a digit from 0 to 9"),
        (CLAIM | {"quantity": "missed_rank", "unit": "rank", "value": 1}, r"digit: is missing, expected a digit"),
        (CLAIM | {"quantity": "confused_pair_rank", "unit": "rank", "value": 1}, r"pair: is missing, expected two"),
        (
            CLAIM | {"quantity": "confused_pair_rank", "unit": "rank", "value": 1, "pair": [2, 2]},
            r"pair: got \[2, 2\], expected two different digits",
        ),
        (CLAIM | {"pair": [2, 7]}, r"pair: makes no sense here, test_accuracy has no value by pair of digits"),
        (
            CLAIM | {"quantity": "test_loss", "unit": "points", "minus": "okon-logits"},
            r"minus: makes no sense here, test_loss is not compared between systems",
        ),
        (
            CLAIM | {"quantity": "valid_accuracy", "run": "wang"},
            r"quantity: no stage measures valid_accuracy of wang, which holds no images out for validation",
        ),
        (
            CLAIM | {"quantity": "best_lr", "unit": "number", "value": 0.1, "run": "wang"},
            r"quantity: no stage measures best_lr of wang: okon alone is searched",
        ),
        (
            CLAIM | {"quantity": "train_accuracy", "run": "knn"},
            r"quantity: no stage measures train_accuracy of the baseline knn, only test_accuracy, correct, errors",
        ),
        (CLAIM | {"run": "knn", "epoch": 1}, r"epoch: no stage measures a baseline by epoch"),
        (CLAIM | {"minus": "knn", "epoch": 1, "unit": "points"}, r"epoch: no stage measures a baseline by epoch"),
        (CLAIM | {"run": "knn", "minus": "svm", "unit": "points"}, r"minus: nothing is taken off the baseline knn"),
        (CLAIM | {"epochs": [1]}, r"epochs: got \[1\], expected numbers from epoch 1 on, in place of value and epoch"),
        (CLAIM | {"digits": 3}, r"digits: got 3, expected numbers from digit 0 on, in place of value and digit"),
        (CLAIM | {"assumed": ""}, r"assumed: got '', expected what the text does not give and we assumed"),
        (
            CLAIM | {"quantity": "training_seconds", "unit": "seconds"},
            r"not_comparable: is missing, expected the reason",
        ),
        (CLAIM | {"system": "wang"}, r"system: got 'wang', but papers has no section 'wang'"),
    ],
)
def test_a_mistake_names_entry_key_value_and_what_was_expected(tmp_path: Path, claim: dict, mistake: str) -> None:
    other = CLAIM | {"quantity": "recall", "value": 99}
    mistakes = _mistakes(tmp_path, other, claim)
    assert len(mistakes) == 1
    assert mistakes[0].startswith("claims[1] (")
    assert re.search(rf" {mistake}", mistakes[0]), mistakes


def test_all_mistakes_of_all_claims_stand_in_one_message(tmp_path: Path) -> None:
    bad = CLAIM | {"system": "okan", "unit": "percents", "epoch": -1}
    mistakes = _mistakes(tmp_path, CLAIM, bad, {"value": 3})
    assert [mistake.split(":")[0] for mistake in mistakes] == [
        *["claims[1] (okan, test_accuracy)"] * 3,
        *["claims[2] (no system, no quantity)"] * 5,
    ]


@pytest.mark.parametrize("place", [{}, {"where": "Abstract", "note": "also there"}])
def test_the_same_claim_twice_is_refused(tmp_path: Path, place: dict) -> None:
    mistakes = _mistakes(tmp_path, CLAIM, CLAIM | {"value": 0.99, "unit": "fraction"}, CLAIM | place)
    assert mistakes == ["claims[2] (okon, test_accuracy): is the same claim as claims[0]; remove one"]


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda content: content.pop("claims"), "claims: is missing, expected a list of one or more claims"),
        (lambda content: content.update(claims=[]), "claims: got [], expected a list of one or more claims"),
        (lambda content: content.update(claims=["x"]), "claims[0]: got 'x', expected a list of one or more claims"),
        (lambda content: content.update(claim=[]), "claim: is no known key; did you mean 'claims'?"),
        (lambda content: content["papers"]["okon"].pop("title"), "papers.okon.title: is missing, expected author and"),
    ],
)
def test_mistakes_outside_of_claims_are_named(tmp_path: Path, change: Callable[[dict], None], mistake: str) -> None:
    content = {"papers": {"okon": dict(PAPERS["okon"])}, "claims": [CLAIM]}
    change(content)
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParamsError) as caught:
        load_claims(path, SYSTEMS)
    assert [found for found in caught.value.mistakes if found.startswith(mistake)]


def test_odd_keys_and_values_are_mistakes_and_no_crash(tmp_path: Path) -> None:
    odd = {1: 2, "system": ["okon"], "quantity": {"a": 1}, "unit": [], "value": {}, "run": 3, "minus": [], "epoch": "x"}
    assert len(_mistakes(tmp_path, odd)) >= 8
