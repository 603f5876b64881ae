import io
import tarfile
from pathlib import Path

import pytest

from digitrec.data.archives import read_members
from digitrec.errors import DataError


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_members_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "x.tar.gz", {"a/1": b"one", "a/other": b"!", "a/2": b"two"})
    assert read_members(archive, ["a/2", "a/1"]) == [b"two", b"one"]
    assert list(tmp_path.iterdir()) == [archive]


def test_what_is_missing_or_no_file_is_named(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "x.tar.gz", {"a/1": b"one"})
    with pytest.raises(DataError, match=r"^x\.tar\.gz: lacks a/2, a/3$"):
        read_members(archive, ["a/2", "a/1", "a/3"])
