from pathlib import Path

import pytest

from digitrec.errors import ArtifactError
from digitrec.figures.tables import read_rows


def test_a_table_is_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('class,n\n007,1\n"Greek, ancient",\nжук,3\n', encoding="utf-8")
    assert read_rows(tmp_path / "a.csv") == [
        {"class": "007", "n": "1"},
        {"class": "Greek, ancient", "n": ""},
        {"class": "жук", "n": "3"},
    ]


@pytest.mark.parametrize("content", [b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,b\n\xff\xff,1\n", b'a,b\n"1,2\n'])
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.csv is damaged .*: remove it and run `dvc repro`"):
        read_rows(tmp_path / "a.csv")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"a\.csv is missing: run `dvc repro`"):
        read_rows(tmp_path / "a.csv")
