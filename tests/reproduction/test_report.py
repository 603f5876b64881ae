import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from digitrec.pipeline.files import read_json, write_array, write_json
from digitrec.reproduction.claims import Claim, Paper, load_papers
from digitrec.reproduction.ledger import VERDICTS, judge_all
from digitrec.reproduction.measures import Measurements
from digitrec.reproduction.report import claim_text, flat_rows, report, verdict_counts
from tests.reproduction.measured import (
    TIMES,
    committed_measurements,
    confusion_matrix,
    make_claim,
    make_measurements,
    make_run,
    make_system,
)
from tests.tiny import ROOT

PAPERS = {
    "okon": Paper(title="Okon", rebuilt="MNISTNet.", contradictions=["Two optimizers."]),
    "wang": Paper(title="Wang", rebuilt="LeNet-5.", contradictions=[]),
}
CLAIMS = [
    make_claim("96.0", note="Near."),
    make_claim("90.00", note="Far."),
    make_claim("93390", "parameters", quantity="n_parameters"),
    make_claim("0.90", "fraction", run="knn", note="Near."),
    make_claim(["24", "27"], "seconds", quantity="epoch_seconds", not_comparable="other hardware"),
    make_claim("98", system="wang", epoch=2),
    make_claim("3.4", "points", run="okon-logits", minus="okon"),
]


def _okon(**changes: object) -> dict:
    return make_system(
        "okon", *(make_run(seed, confusion_matrix(right)) for seed, right in ((0, 95), (1, 97))), **changes
    )


def _measurements(**changes: object) -> Measurements:
    return make_measurements(_okon(**changes), make_system("wang"))


def _page(
    claims: list[Claim] = CLAIMS,
    measurements: Measurements | None = None,
    suspicious: dict | None = None,
    pictures: tuple = (),
) -> str:
    measurements = measurements or _measurements()
    return report(judge_all(claims, measurements), PAPERS, measurements, suspicious, pictures)


def _tables(page: str) -> list[list[list[str]]]:
    blocks = [block for block in page.split("\n\n") if block.startswith("| ")]
    return [[line[2:-2].split(" | ") for line in block.splitlines()] for block in blocks]


def test_every_claim_has_a_row_with_the_published_number_and_ours() -> None:
    page = _page()
    lines = [line for line in page.splitlines() if "| " in line]
    assert (
        "| test accuracy | 96.0 % | 96.00 % [83.29, 100.00] | 82.03 to 100.00 | 2 × 3 A | reproduced | (note 1) |"
        in lines
    )
    assert "| parameters | 93,390 | 93,390 | – | 2 × 3 A | reproduced |  |" in lines
    assert any(
        line.startswith("| test accuracy, `knn` | 0.90 | 0.9500 [") and "| 1 | **higher** |" in line for line in lines
    )
    assert any(line.startswith("| time of an epoch | 24 to 27 s | 5.0 s [0.0, 26.2] | – | 2 × 3 A |") for line in lines)
    assert "| test accuracy, epoch 2, `wang` |" not in page
    assert "| test accuracy, epoch 2 | 98 % | – | – | – | not yet measured |  |" in lines
    assert "| test accuracy, `okon-logits` less `okon` | +3.4 points | – | – | – | not yet measured |  |" in lines


def test_tables_have_as_many_cells_in_each_row() -> None:
    tables = _tables(_page())
    assert len(tables) == 4
    for table in tables:
        assert len({len(row) for row in table}) == 1, table[0]


def test_the_summary_counts_the_verdicts_of_each_paper() -> None:
    summary = _tables(_page())[0]
    assert summary[0] == ["paper", "claims", *VERDICTS]
    assert summary[2:] == [
        ["[okon](#okon)", "6", "3", "1", "0", "1", "1"],
        ["[wang](#wang)", "1", "0", "0", "0", "0", "1"],
        ["**all**", "7", "3", "1", "0", "1", "2"],
    ]
    assert verdict_counts(judge_all(CLAIMS, _measurements())) == (
        "3 reproduced, 1 higher, 1 not comparable, 2 not yet measured"
    )


def test_notes_are_numbered_once_each_and_an_explanation_stands_before_its_note() -> None:
    assert "Notes:\n\n1. Near.\n2. Far.\n" in _page()
    one = make_measurements(make_system("okon", make_run(0, confusion_matrix(96))))
    assert re.search(
        r"\| \*\*higher\*\* \| 6\.00 points higher; the interval allows \d\.\d\d \(note 2\) \|", _page(CLAIMS, one)
    )


def test_shortened_runs_are_marked() -> None:
    page = _page(measurements=_measurements(shortened=True, published_epochs=20))
    assert "2 × 3 A, shortened | not comparable | shortened: 3 of 20 epochs on 4,000 images (note 1) |" in page
    assert "4 rows are of shortened runs." in page
    assert "shortened" not in _tables(_page())[1][2][4]


def test_hardware_is_named_by_letters() -> None:
    systems = _okon(), make_system("wang", make_run(0, confusion_matrix(), valid=None))
    times = {"okon": TIMES, "wang": TIMES | {"device": "Some GPU"}}
    page = _page(measurements=make_measurements(*systems, times=times))
    assert "* A: Some CPU, 2 cores, torch 2.15.0\n* B: Some GPU; host Some CPU, 2 cores, torch 2.15.0" in page
    assert "| 2 × 3 A |" in page
    assert "| 1 × 3 B |" in page


def test_contradictions_are_listed() -> None:
    page = _page()
    assert "What the text contradicts:\n\n* Two optimizers." in page
    assert "What the text contradicts: nothing that was found." in page


def test_pictures_are_linked_with_their_papers_and_others_shown() -> None:
    page = _page(pictures=("reproduction/plots/systems/okon.png", "reproduction/plots/training_time.png"))
    assert "predictions: [okon](reproduction/plots/systems/okon.png)." in page
    assert page.count("![") == 1
    assert "![training time](reproduction/plots/training_time.png)" in page
    assert ".png" not in _page()


def test_errors_on_labels_known_to_be_wrong_are_named() -> None:
    rows = [{"index": index, "is_error": index > 4} for index in (3, 5, 7)]
    counts = {"n_train": 60000, "out_of_fold_errors": 600, "out_of_fold_accuracy": 0.99, "n_suspicious_train": 51}
    counts |= {"folds": 5, "n_test": 10000, "n_errors": 43, "errors_on_known_wrong": 2, "known_wrong": rows}
    page = _page(suspicious=counts)
    assert "3 labels of the test images are known to be wrong. Of the 43 errors" in page
    assert "2 are on these (images 5, 7)." in page
    assert "Among 60,000 training images, 51 labels are suspicious" in page
    # Another dataset, whose wrong labels nobody has listed.
    assert "known to be wrong" not in _page(suspicious=counts | {"known_wrong": []})
    assert "known ceiling" not in _page()


def test_costs_are_told_with_their_intervals() -> None:
    logits = make_system(
        "okon-logits", *(make_run(seed, confusion_matrix(right)) for seed, right in ((0, 98), (1, 99)))
    )
    page = _page(measurements=make_measurements(_okon(), logits))
    assert "| +3.4 points | +2.50 points [-3.85, 8.85] |" in page
    # 3 and 2 points better.
    assert "on logits): +2.50 (-3.85 to +8.85, 2 seeds)." in page
    assert "not 0.1 and 0.3): not yet measured." in page
    assert "+0.00 on average and +0.00 to +0.00 over all 4 runs with a validation set (2 of the systems)." in page


def test_without_any_run_the_page_says_so() -> None:
    page = _page(measurements=make_measurements())
    assert "Hardware" not in page
    assert "Not yet measured." in page


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        (make_claim("1", "images", quantity="errors", digit=9), "test images wrong, digit 9"),
        (make_claim("1", "fraction", quantity="recall"), "recall"),
        (make_claim("1", "rank", quantity="missed_rank", digit=2), "rank of digit 2 among the most missed"),
        (
            make_claim("1", "rank", quantity="confused_pair_rank", pair=[4, 9]),
            "rank of 4/9 among the most confused pairs",
        ),
        (make_claim("1", "nats", quantity="valid_loss", epoch=20), "validation loss, epoch 20"),
        (make_claim("1", system="pham-mlp"), "test accuracy, `pham-mlp`"),
    ],
)
def test_claims_are_put_in_words(claim: Claim, text: str) -> None:
    assert claim_text(judge_all([claim], make_measurements())[0]) == text


def test_rows_are_flattened_for_a_table() -> None:
    claims = [CLAIMS[0], CLAIMS[4], make_claim("1", "rank", quantity="confused_pair_rank", pair=[4, 9])]
    first, second, third = flat_rows(judge_all(claims, _measurements()))
    assert (first["published_low"], first["published_high"]) == (96, 96)
    assert (second["published_low"], second["published_high"]) == (24, 27)
    assert first["interval_low"] < first["measured"] < first["interval_high"] <= first["judged_by_high"]
    assert third["pair"] == "4/9"


def test_the_committed_page_is_what_the_committed_numbers_give() -> None:
    root = ROOT / "reproduction"
    page = report(
        read_json(root / "metrics/claims.json"),
        load_papers(root / "claims.yaml"),
        committed_measurements(),
        read_json(root / "metrics/suspicious_labels.json"),
        [path.relative_to(ROOT).as_posix() for path in sorted(root.glob("plots/**/*.png"))],
    )
    assert page == (ROOT / "REPRODUCTION.md").read_text(encoding="utf-8")


def test_every_verdict_is_explained() -> None:
    rule = _page().partition("## How a verdict is reached")[2].partition("\n## ")[0]
    assert all(f"**{verdict}**" in rule for verdict in VERDICTS)


def _folder(tmp_path: Path, claims: list[dict]) -> Path:
    root = tmp_path / "reproduction"
    root.mkdir()
    (root / "params.yaml").write_bytes((ROOT / "reproduction/params.yaml").read_bytes())
    (root / "claims.yaml").write_text(
        yaml.safe_dump({"papers": {key: paper.model_dump() for key, paper in PAPERS.items()}, "claims": claims})
    )
    for part, n in (("train", 4500), ("test", 1000)):
        write_array(tmp_path / f"data/{part}/labels.npy", np.repeat(np.arange(10), n // 10))
    return root


def _run_stage(root: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "stages/claims.py")]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


CLAIM = {"system": "okon", "quantity": "test_accuracy", "value": 96.5, "unit": "percent", "where": "x", "protocol": "y"}


def test_the_stage_writes_ledger_table_and_page(tmp_path: Path) -> None:
    root = _folder(tmp_path, [CLAIM, CLAIM | {"run": "svm"}, CLAIM | {"system": "wang"}])
    write_json(root / "metrics/systems/okon.json", _okon())
    write_json(root / "metrics/times/okon.json", TIMES)
    write_array(tmp_path / "data/baselines/svm/predictions.npy", np.repeat(np.arange(10), 100))
    (root / "plots/systems").mkdir(parents=True)
    (root / "plots/systems/okon.png").write_bytes(b"")
    result = _run_stage(root)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "3 claims: 1 reproduced, 1 higher, 1 not yet measured\n"
    ledger = json.loads((root / "metrics/claims.json").read_text())
    assert Counter(row["verdict"] for row in ledger) == {"reproduced": 1, "higher": 1, "not yet measured": 1}
    assert {"system", "quantity", "published", "measured", "interval", "seeds", "verdict", "note"} <= set(ledger[0])
    with open(root / "plots/claims.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["measured"] for row in table] == ["96.0", "100.0", ""]
    page = (root / "data/page.md").read_text()
    assert "[okon](reproduction/plots/systems/okon.png)" in page


def test_the_stage_refuses_mistakes_in_one_message_and_writes_nothing(tmp_path: Path) -> None:
    root = _folder(tmp_path, [CLAIM | {"unit": "nats"}, CLAIM | {"system": "okan"}])
    result = _run_stage(root)
    assert result.returncode == 2
    assert result.stderr.startswith(
        "error: 2 mistakes in claims.yaml (nothing was run or written):\n  claims.yaml: claims[0]"
    )
    assert "Traceback" not in result.stderr
    assert not (root / "metrics").exists()
    assert not (root / "data").exists()
