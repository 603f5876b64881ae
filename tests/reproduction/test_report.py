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

from digitrec.pipeline.files import write_array, write_json
from digitrec.reproduction.claims import Claim, Paper
from digitrec.reproduction.ledger import VERDICTS, judge_all
from digitrec.reproduction.measures import Measurements
from digitrec.reproduction.report import claim_text, flat_rows, report, verdict_counts
from tests.reproduction.measured import (
    TIMES,
    confusion_matrix,
    make_claim,
    make_measurements,
    make_run,
    make_system,
)
from tests.tiny import ROOT

PAPERS = {
    "okon": Paper(title="Okon", summary="It holds.", rebuilt="MNISTNet.", contradictions=["Two optimizers."]),
    "wang": Paper(title="Wang", summary="Nothing was run.", rebuilt="LeNet-5.", contradictions=[]),
}
CLAIMS = [
    make_claim("96.0", note="Near."),
    make_claim("90.00", note="Far."),
    make_claim("93390", "parameters", quantity="n_parameters"),
    make_claim("0.90", "fraction", run="knn", note="Near.", assumed="its settings"),
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
    home_made: dict | None = None,
    suspicious: dict | None = None,
    pictures: tuple = (),
) -> str:
    measurements = measurements or _measurements()
    return report(judge_all(claims, measurements), PAPERS, measurements, home_made, suspicious, pictures)


def _tables(page: str) -> list[list[list[str]]]:
    blocks = [block for block in page.split("\n\n") if block.startswith("| ")]
    return [[line[2:-2].split(" | ") for line in block.splitlines()] for block in blocks]


def test_every_claim_has_a_row_with_the_published_number_and_ours() -> None:
    page = _page()
    lines = [line for line in page.splitlines() if "| " in line]
    assert (
        "| test accuracy | 96.0 % | 96.00 % [83.29, 100.00] | 73.94 to 100.00 | 2 × 3 A | – | reproduced | (note 1) |"
        in lines
    )
    assert "| parameters | 93,390 | 93,390 | – | 2 × 3 A | – | reproduced |  |" in lines
    [knn] = [line for line in lines if line.startswith("| test accuracy, `knn` | 0.90 | 0.9500 [")]
    assert "| 1 | its settings | **higher under our reading** | 0.0500 higher; the interval" in knn
    assert any(line.startswith("| time of an epoch | 24 to 27 s | 5.0 s [0.0, 26.2] | – | 2 × 3 A |") for line in lines)
    assert "| test accuracy, epoch 2, `wang` |" not in page
    assert "| test accuracy, epoch 2 | 98 % | – | – | – | – | not yet measured |  |" in lines
    assert "| test accuracy, `okon-logits` less `okon` | +3.4 points | – | – | – | – | not yet measured |  |" in lines


def test_tables_have_as_many_cells_in_each_row() -> None:
    tables = _tables(_page())
    assert len(tables) == 4
    for table in tables:
        assert len({len(row) for row in table}) == 1, table[0]


def test_the_summary_counts_the_verdicts_of_each_paper() -> None:
    summary = _tables(_page())[0]
    assert summary[0] == ["paper", "claims", *VERDICTS]
    assert summary[2:] == [
        ["[okon](#okon)", "6", "3", "0", "0", "0", "1", "0", "0", "1", "1"],
        ["[wang](#wang)", "1", "0", "0", "0", "0", "0", "0", "0", "0", "1"],
        ["**all**", "7", "3", "0", "0", "0", "1", "0", "0", "1", "2"],
    ]
    assert verdict_counts(judge_all(CLAIMS, _measurements())) == (
        "3 reproduced, 1 higher under our reading, 1 not comparable, 2 not yet measured"
    )


def test_the_page_begins_with_what_holds_of_each_paper() -> None:
    summary = _page().partition("## Summary\n\n")[2].partition("\n\n")[2]
    assert summary.startswith(
        "* **[okon](#okon)**: It holds.\n* **[wang](#wang)**: Nothing was run.\n\n| paper | claims |"
    )


def test_a_variant_is_told_beside_the_system_that_it_is_of() -> None:
    more = make_system("shah-dropout", *(make_run(seed, confusion_matrix(right)) for seed, right in ((0, 90), (1, 91))))
    shah = make_system("shah", *(make_run(seed, confusion_matrix(right)) for seed, right in ((0, 95), (1, 97))))
    page = _page(measurements=make_measurements(_okon(), make_system("wang"), shah, more))
    [row] = [
        line for line in page.splitlines() if line.startswith("| `shah-dropout` | `shah` | one more dropout layer")
    ]
    assert row.endswith(" | -5.50 (-11.85 to +0.85, 2 seeds) |")
    assert "| `shah-next-steps` |" not in page


def test_what_a_system_reads_of_other_digits_stands_in_its_section() -> None:
    runs = [make_run(seed, confusion_matrix(right)) for seed, right in ((0, 90), (1, 92))]
    home_made = make_system("wang", *runs)
    told = "read the 1000 drawn digits of `tests/drawn`, found and centred as `digitrec predict` does: 900, 920 right, "
    wang = _page(home_made=home_made).partition("\n## wang")[2].partition("\n## ")[0]
    assert f"{told}91.0 % [78.3, 100.0]." in wang
    assert "from 2 seeds" in wang
    assert "tests/drawn" not in _page()


def _of_six_epochs(**changes: object) -> Measurements:
    runs = [make_run(seed, confusion_matrix(right), epochs=6) for seed, right in ((0, 95), (1, 97))]
    return make_measurements(make_system("okon", *runs, epochs=6, **changes))


def test_what_is_printed_for_many_epochs_is_a_table_with_a_row_for_each() -> None:
    accuracies = [make_claim("96.0", epoch=epoch, note="By pass.", assumed="sizes") for epoch in range(1, 6)]
    losses = [make_claim("3.0", "nats", quantity="train_loss", epoch=epoch) for epoch in range(2, 7)]
    few = [make_claim("90", quantity="valid_accuracy", epoch=epoch) for epoch in range(1, 5)]
    differences = [make_claim("3", "points", minus="okon-logits", epoch=epoch) for epoch in range(1, 6)]
    page = _page([*accuracies, *losses, *few, *differences], _of_six_epochs())
    _, rows, grid, _ = _tables(page)
    assert [row[0] for row in rows[2:]] == [
        *(f"validation accuracy, epoch {epoch}" for epoch in range(1, 5)),
        *(f"test accuracy, epoch {epoch}, `okon` less `okon-logits`" for epoch in range(1, 6)),
    ]
    assert (
        "\n\nBy epoch, ours with the interval that it is judged by, where it is judged (`okon`; runs 2 × 6 A; assumed: "
        "sizes):\n\n| " in page
    )
    assert grid[0] == [
        "epoch",
        "test accuracy (note 1)",
        "ours (reproduced under our reading)",
        "training loss",
        "ours (**lower**)",
    ]
    assert [row[0] for row in grid[2:]] == ["1", "2", "3", "4", "5", "6"]
    assert grid[3] == ["2", "96.0 %", "92.00 % [69.94, 100.00]", "3.0", "0.1400 [0.0900, 0.1900]"]
    assert grid[2][3:] == grid[7][1:3] == ["–", "–"]


def test_a_column_that_is_not_judged_has_the_interval_of_our_mean() -> None:
    claims = [
        make_claim("4", "seconds", quantity="epoch_seconds", epoch=epoch, not_comparable="other hardware")
        for epoch in range(1, 6)
    ]
    grid = _tables(_page(claims, _of_six_epochs()))[1]
    # 10 and 20 seconds for six epochs.
    assert grid[0] == ["epoch", "time of an epoch", "ours (not comparable)"]
    assert grid[2] == ["1", "4 s", "2.5 s [0.0, 13.1]"]


def test_verdicts_that_differ_by_epoch_have_a_column() -> None:
    claims = [
        make_claim(value, quantity="train_accuracy", epoch=epoch)
        for epoch, value in enumerate(("94.0", "95.0", "99.0", "97.0", "98.0"), 1)
    ]
    grid = _tables(_page(claims, _of_six_epochs()))[1]
    assert grid[0] == ["epoch", "training accuracy", "ours", "verdict"]
    assert [row[3] for row in grid[2:]] == ["reproduced", "reproduced", "**lower**", "reproduced", "reproduced"]


def test_notes_are_numbered_once_each_and_an_explanation_stands_before_its_note() -> None:
    assert "Notes:\n\n1. Near.\n2. Far.\n" in _page()
    one = make_measurements(make_system("okon", make_run(0, confusion_matrix(96))))
    assert re.search(
        r"\| \*\*higher\*\* \| 6\.00 points higher; the interval allows \d\.\d\d \(note 2\) \|", _page(CLAIMS, one)
    )


def test_shortened_runs_are_marked() -> None:
    page = _page(measurements=_measurements(shortened=True, published_epochs=20))
    assert "2 × 3 A, shortened | – | not comparable | shortened: 3 of 20 epochs on 4,000 images (note 1) |" in page
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
    assert "**Choosing the epoch by the test set**, which none of the five texts says that it did." in page
    assert "+0.00 on average and +0.00 to +0.00 over all 4 runs with a validation set (2 of the systems)." in page


def test_how_far_seeds_spread_is_told() -> None:
    # Seeds of 95 and 97 %: the deviation of the test accuracies is sqrt(2) points; that of the others is none.
    ratio = 0.0141421356 / np.sqrt(0.96 * 0.04 / 1000)
    assert f"0.00 for the validation accuracy and {ratio:.2f} for the test accuracy. Above 1," in _page()


def test_a_range_of_points_has_its_sign() -> None:
    claims = [make_claim(["10", "100"], "points", minus="knn"), make_claim("0", "points", minus="knn")]
    page = _page(claims)
    assert "| +10 to 100 points | +1.00 points [" in page
    assert "| 0 points | +1.00 points [" in page


def test_without_any_run_the_page_says_so() -> None:
    page = _page(measurements=make_measurements())
    assert "Hardware" not in page
    assert "at the epoch best on the validation set: not yet measured." in page
    assert "Where there are several seeds" not in page


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
        (make_claim("98.58", derived="142 wrong"), "test accuracy (derived: 142 wrong)"),
        (make_claim("10", "points", minus="knn"), "test accuracy, `okon` less `knn`"),
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
