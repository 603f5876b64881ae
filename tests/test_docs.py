"""Documents say what result files say."""

from docs.tables import with_tables
from tests.conftest import ROOT


def test_the_readmes_tables_of_results_are_those_of_the_committed_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("by docs/tables.py -->") == 2
    assert with_tables(text) == text, "make it anew: PYTHONPATH=src python -m docs.tables"
