"""What `make audit` says: no silence counts as good news."""

import json
from pathlib import Path

import pytest

from docs.audit import summary

GOOD = {"name": "numpy", "version": "2.4.6", "vulns": []}
FLAWED = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": []}]}
SKIPPED = {"name": "torch", "skip_reason": "torch could not be audited"}


@pytest.mark.parametrize(
    ("packages", "told", "is_well"),
    [
        ([GOOD], ["1 of 1 packages were looked up, 0 flaws are known of them"], True),
        (
            [GOOD, FLAWED],
            ["pillow 1.0: PYSEC-1, mended in 1.1", "2 of 2 packages were looked up, 1 flaws are known of them"],
            False,
        ),
        (
            [GOOD, SKIPPED],
            [
                "1 of 2 packages were looked up, 0 flaws are known of them",
                "error: 1 packages could not be looked up, so nothing is known of them; the first: "
                "torch could not be audited",
            ],
            False,
        ),
        ([], ["0 of 0 packages were looked up, 0 flaws are known of them"], False),
    ],
    ids=["good", "flawed", "not looked up", "nothing"],
)
def test_what_was_found_and_what_was_not_looked_up_is_said(
    tmp_path: Path, packages: list[dict], told: list[str], is_well: bool
) -> None:
    (tmp_path / "audit.json").write_text(json.dumps({"dependencies": packages, "fixes": []}))
    assert summary(tmp_path / "audit.json", tmp_path / "audit.log") == (told, is_well)


@pytest.mark.parametrize("report", [None, "", "[]"])
def test_an_audit_that_broke_off_is_no_good_news(tmp_path: Path, report: str | None) -> None:
    if report is not None:
        (tmp_path / "audit.json").write_text(report)
    lines, is_well = summary(tmp_path / "audit.json", tmp_path / "audit.log")
    assert (len(lines), is_well) == (1, False)
    (tmp_path / "audit.log").write_text("Traceback\nConnectionError: no route\n")
    assert summary(tmp_path / "audit.json", tmp_path / "audit.log")[0][0].endswith(
        "ended with: ConnectionError: no route"
    )
