"""Documents say what result files say, and lead where they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from digitrec.cli import main
from digitrec.pipeline.files import read_csv, read_json
from docs.rooms import PICTURE, rooms, told
from docs.tables import TABLES, pages, with_tables
from tests.conftest import ROOT

DOCUMENTS = [
    *pages(),
    *(ROOT / name for name in ("REPRODUCTION.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
]
PREDICTED = re.compile(r"^\$ digitrec (predict tests/drawn/.*)\n((?:tests/drawn/.*\n)+)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", pages(), ids=named)
def test_tables_of_results_are_those_of_the_committed_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_tables(text) == text, "make it anew: PYTHONPATH=src python -m docs.tables"


def test_every_table_stands_somewhere() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    assert set(re.findall(r"<!-- table (\w+), by docs/tables.py -->", text)) == set(TABLES)


def test_the_picture_of_the_rooms_has_the_arrows_of_the_code() -> None:
    assert told(rooms()) in PICTURE.read_text(encoding="utf-8"), "draw it anew: PYTHONPATH=src python -m docs.rooms"


@pytest.mark.parametrize("name", ["README.md", "docs/reading.md"])
def test_drawn_digits_are_read_as_is_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = PREDICTED.findall((ROOT / name).read_text(encoding="utf-8"))
    assert shown
    for arguments, output in shown:
        assert CliRunner().invoke(main, arguments.split()).stdout == output


def test_what_an_experiment_is_compared_with_is_the_committed_run() -> None:
    shown = re.findall(
        r"^metrics/train_final.json +(\w+) +(\S+)", (ROOT / "docs/everyday.md").read_text(), re.MULTILINE
    )
    found = read_json(ROOT / "metrics/train_final.json")
    assert {name: float(value) for name, value in shown} == {name: round(found[name], 5) for name, _ in shown}
    assert len(shown) == 4


def test_the_errors_that_the_gate_shows_are_those_of_the_committed_run() -> None:
    text = (ROOT / "docs/sharing.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (all|\d) \| \d+ \| (\d+) \|", text, re.MULTILINE)
    wrong = [row["label"] for row in read_csv(ROOT / "plots/predictions.csv") if row["label"] != row["predicted"]]
    assert dict(shown) == {name: str(len(wrong) if name == "all" else wrong.count(name)) for name, _ in shown}
    assert len(shown) == 3


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def anchors(page: Path) -> set[str]:
    """Where GitHub lets links lead."""
    headings = HEADING.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in LINK.findall(text):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "-c", "docs", ".", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Recognizer" in (tmp_path / "docs/api.html").read_text(encoding="utf-8")
