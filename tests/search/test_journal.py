import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from digitrec.errors import ArtifactError
from digitrec.search.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "gridsearch.jsonl"
    journal = Journal(path)
    journal.add_all([("a", 0.5, None, {"lr": 0.1})])
    journal.add_all([("b", None, "TrainingDiverged: nan", {"lr": 10.0})])
    journal.add_all([("c", 1.0, None, {"lr": 1e-5})])
    return path


def _keys(path: Path) -> list[str]:
    return sorted(Journal(path).entries)


def test_where_there_is_no_file_the_journal_is_empty() -> None:
    journal = Journal(Path("nowhere") / "journal.jsonl")
    assert journal.entries == {}


def test_a_journal_is_read_again(path: Path, capsys: pytest.CaptureFixture) -> None:
    journal = Journal(path)
    assert "a" in journal
    assert "d" not in journal
    assert journal.score("a") == 0.5
    assert journal.score("c") == 1.0
    assert math.isnan(journal.score("b"))
    assert journal.entries["b"]["reason"] == "TrainingDiverged: nan"
    assert capsys.readouterr().out == ""


def test_every_entry_is_a_line_of_json_that_a_person_can_read(path: Path) -> None:
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(entries[0].pop("sha256")) == 64
    assert entries[0] == {"version": 2, "key": "a", "score": 0.5, "reason": None, "params": {"lr": 0.1}}


def test_an_entry_is_on_disk_before_add_all_returns(path: Path) -> None:
    journal = Journal(path)
    journal.add_all([("d", 0.25, None, {})])
    assert Journal(path).score("d") == 0.25
    assert journal.score("d") == 0.25


def test_what_was_finished_together_is_recorded_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: written.append(content) or write(file, content))
    journal = Journal(path)
    journal.add_all([("d", 0.25, None, {}), ("e", None, "why", {})])
    assert len(written) == 1
    for known in (journal, Journal(path)):
        assert known.score("d") == 0.25
        assert known.entries["e"]["reason"] == "why"


def test_of_two_entries_with_one_key_the_later_counts(path: Path) -> None:
    Journal(path).add_all([("b", 0.75, None, {})])
    assert Journal(path).score("b") == 0.75


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_a_last_line_that_was_torn_costs_that_fit_only(path: Path, capsys: pytest.CaptureFixture, cut: int) -> None:
    os.truncate(path, path.stat().st_size - cut)
    journal = Journal(path)
    # Without the newline alone the entry is whole.
    assert sorted(journal.entries) == (["a", "b", "c"] if cut == 1 else ["a", "b"])
    assert ("warning: ignoring 1 damaged entries" in capsys.readouterr().out) is (cut > 1)
    journal.add_all([("d", 0.1, None, {})])
    journal.add_all([("e", 0.2, None, {})])
    assert set("abde") <= set(_keys(path))


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"3",
        b"null",
        b'{"version": 2}',
        b'{"version": 2, "key": "x", "score": 0.5, "reason": null, "params": {}}',
        b'{"version": 2, "key": "x", "score": 0.5, "reason": null, "params": {}, "sha256": "5b"}',
        b"\xff\xfe\x00",
    ],
)
def test_a_damaged_entry_is_ignored_with_a_warning(path: Path, capsys: pytest.CaptureFixture, line: bytes) -> None:
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], line, *lines[1:]]))
    assert _keys(path) == ["a", "b", "c"]
    message = capsys.readouterr().out
    assert f"warning: ignoring 1 damaged entries of {path}; their fits are done again." in message


@pytest.mark.parametrize("version", [b"", b'"version": 1, ', b'"version": 3, ', b'"version": "2", '])
def test_an_entry_of_another_version_is_ignored_with_a_warning(
    path: Path, capsys: pytest.CaptureFixture, version: bytes
) -> None:
    with open(path, "ab") as file:
        file.write(b"{" + version + b'"key": "a", "score": 0.25, "reason": null, "params": {}}\n')
    assert Journal(path).score("a") == 0.5
    message = capsys.readouterr().out
    assert f"warning: ignoring 1 entries of another version of {path}; their fits are done again." in message


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from digitrec.errors import ArtifactError
from digitrec.search.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
added = 0
try:
    while added < 1000:
        journal.add_all([(f"new{added}", 0.5, None, {"lr": 0.001})])
        added += 1
except ArtifactError as error:
    message = str(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.add_all([("room again", 0.5, None, {})])
print(added, message, sep="\\n")
"""


def test_a_full_disk_is_one_message_and_loses_no_fit_that_was_recorded(path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    added, message = result.stdout.splitlines()
    assert message.startswith(f"cannot write {path}: ")
    assert "The fits recorded so far are kept" in message
    assert set(_keys(path)) == {"a", "b", "c", "room again", *(f"new{k}" for k in range(int(added)))}


def test_a_place_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "cache.jsonl")
    journal.path = tmp_path / "file" / "cache.jsonl"
    with pytest.raises(ArtifactError, match="cannot write"):
        journal.add_all([("a", 0.5, None, {})])


def test_two_searches_may_write_to_one_journal(path: Path) -> None:
    first, second = Journal(path), Journal(path)
    for k in range(20):
        first.add_all([(f"first{k}", 0.1, None, {})])
        second.add_all([(f"second{k}", 0.2, None, {})])
    assert len(_keys(path)) == 43


def test_a_bit_that_flipped_costs_that_fit(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).add_all([("a", 0.5, None, {"lr": 0.1})])
    content = path.read_bytes()
    for position in range(len(content) - 1):
        for bit in range(8):
            path.write_bytes(bytes(byte ^ (1 << bit) * (at == position) for at, byte in enumerate(content)))
            assert not Journal(path).entries
