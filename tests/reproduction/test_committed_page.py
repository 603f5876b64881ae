"""The page and the ledger that are committed: what the summaries say is what the numbers give."""

import pytest

from digitrec.pipeline.files import read_json
from digitrec.reproduction.claims import load_papers, paper_of
from digitrec.reproduction.costs import system_difference
from digitrec.reproduction.report import report
from tests.reproduction.measured import committed_measurements
from tests.tiny import ROOT

COMMITTED_ROWS = read_json(ROOT / "reproduction/metrics/claims.json")
COMMITTED_PAPERS = load_papers(ROOT / "reproduction/claims.yaml")
# What is said in words at the top: claims that it is said of, and the verdicts that it rests on.
SAID = [
    ("okon", "142 of 10,000 test images wrong (98.58 %) are claimed", {"printed": "142"}, "reproduced"),
    ("okon", "so do its validation accuracies", {"quantity": "valid_accuracy"}, "reproduced"),
    ("okon", "Its validation losses do not hold", {"quantity": "valid_loss"}, "lower"),
    ("okon", "what it cites for five classical models", {"protocol": "Cited from Gope et al. 2021."}, "differs"),
    ("okon", "Its search is not judged", {"quantity": "best_lr"}, "not comparable"),
    ("wang", "the accuracy holds", {"printed": "98.21"}, "reproduced under our reading"),
    ("wang", "the loss comes out higher", {"quantity": "test_loss"}, "higher under our reading"),
    ("wang", "dropout, said to be worth 3.4 points, costs accuracy", {"printed": "3.4"}, "lower under our reading"),
    ("shah", "The statistics hold", {"assumed": None}, "reproduced"),
    (
        "shah",
        "so do, with an interpolation that we assumed, the accuracy",
        {"printed": "98.93"},
        "reproduced under our reading",
    ),
    ("shah", "the most confused pairs", {"unit": "rank"}, "reproduced under our reading"),
    ("shah", "one more dropout layer changes little", {"unit": "points"}, "reproduced under our reading"),
    (
        "pham",
        "ResNet-18's holds",
        {"system": "pham-resnet18", "quantity": "test_accuracy"},
        "reproduced under our reading",
    ),
    (
        "pham",
        "the MLP's with either of two choices of layer sizes",
        {"system": "pham-mlp", "quantity": "test_accuracy", "printed": "97.3"},
        "reproduced under our reading",
    ),
    ("pham", "LeNet does not come that far", {"system": "pham-lenet", "printed": "99.2"}, "lower under our reading"),
    ("pham", "sizes printed for it are GoogLeNet's", {"system": "pham-googlenet", "quantity": "size_mb"}, "reproduced"),
    ("pham", "25 epochs are not yet measured", {"system": "pham-googlenet", "printed": "99.2"}, "not yet measured"),
    ("pham", "at the highest LeNet learns nothing", {"system": "pham-lenet-lr-2e-2"}, "lower under our reading"),
    ("ffn", "With the learning rate and the epochs that we assumed, it holds", {}, "reproduced under our reading"),
]


@pytest.mark.parametrize(("paper", "words", "which", "verdict"), SAID)
def test_the_summaries_say_what_the_ledger_says(paper: str, words: str, which: dict, verdict: str) -> None:
    assert words in COMMITTED_PAPERS[paper].summary
    rows = [row for row in COMMITTED_ROWS if paper_of(row["system"]) == paper]
    found = {row["verdict"] for row in rows if all(row[key] == value for key, value in which.items())}
    assert found == {verdict} or (verdict == "differs" and not any("reproduced" in each for each in found))


@pytest.mark.parametrize(
    ("paper", "words", "quantity", "epoch"),
    [
        ("okon", "its training losses but for the second epoch", "train_loss", 2),
        ("wang", "the accuracy holds, but for the first pass", "test_accuracy", 1),
    ],
)
def test_the_summaries_name_the_one_epoch_that_does_not_hold(paper: str, words: str, quantity: str, epoch: int) -> None:
    assert words in COMMITTED_PAPERS[paper].summary
    rows = [row for row in COMMITTED_ROWS if (row["system"], row["quantity"]) == (paper, quantity) and row["epoch"]]
    assert [row["epoch"] for row in rows if "reproduced" not in row["verdict"]] == [epoch]


def test_of_the_classification_report_one_number_does_not_hold() -> None:
    assert "its classification report but for one F1" in COMMITTED_PAPERS["okon"].summary
    rows = [row for row in COMMITTED_ROWS if row["where"] == "Results, classification report (Fig. 12)"]
    assert [row["quantity"] for row in rows if row["verdict"] != "reproduced"] == ["f1"]


def test_the_text_s_learning_rate_costs_what_is_said() -> None:
    words = "At the learning rate of its text, ten times its code's, the network reads 8 points fewer"
    assert words in COMMITTED_PAPERS["okon"].summary
    difference = system_difference("okon-lr-1e-3", "okon", committed_measurements())
    assert difference is not None
    assert round(difference["mean"]) == -8


def test_of_the_sweep_most_numbers_do_not_hold() -> None:
    assert "most numbers do not hold" in COMMITTED_PAPERS["pham"].summary
    rows = [row for row in COMMITTED_ROWS if row["where"] == "Sweep table"]
    assert sum(row["verdict"].startswith(("higher", "lower")) for row in rows) > len(rows) / 2


def test_the_committed_page_is_what_the_committed_numbers_give() -> None:
    root = ROOT / "reproduction"
    page = report(
        COMMITTED_ROWS,
        COMMITTED_PAPERS,
        committed_measurements(),
        read_json(root / "metrics/home_made_digits.json"),
        read_json(root / "metrics/suspicious_labels.json"),
        [path.relative_to(ROOT).as_posix() for path in sorted(root.glob("plots/**/*.png"))],
    )
    assert page == (ROOT / "REPRODUCTION.md").read_text(encoding="utf-8")
