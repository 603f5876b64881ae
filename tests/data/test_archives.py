import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from digitrec.data.archives import DAMAGE, list_members, open_member, open_unpacked, read_members
from digitrec.errors import DataError
from tests.data.packing import packed


def test_members_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    archive = packed(tmp_path / "x.tar.gz", {"a/1": b"one", "a/other": b"!", "a/2": b"two"})
    assert read_members(archive, ["a/2", "a/1"]) == [b"two", b"one"]
    assert list(tmp_path.iterdir()) == [archive]


def test_what_is_missing_or_no_file_is_named(tmp_path: Path) -> None:
    archive = packed(tmp_path / "x.tar.gz", {"a/1": b"one"})
    with pytest.raises(DataError, match=r"^x\.tar\.gz: lacks a/2, a/3$"):
        read_members(archive, ["a/2", "a/1", "a/3"])


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("target", ["a/1", "nowhere", "../x.tar", "/etc/hostname"])
def test_only_files_are_read_from_a_tar_file(tmp_path: Path, kind: bytes, target: str) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("a/1")
        link.type, link.linkname = kind, target
        archive.addfile(link)
    assert list_members(tmp_path / "x.tar") == []
    with pytest.raises(DataError, match=r"^x\.tar: lacks a/1$"):
        read_members(tmp_path / "x.tar", ["a/1"])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
@pytest.mark.parametrize("content", [b"", b"B", b"some content" * 1000])
def test_a_file_is_unpacked_as_its_first_bytes_say(
    tmp_path: Path, pack: Callable[[bytes], bytes], content: bytes
) -> None:
    (tmp_path / "x.any").write_bytes(pack(content))
    with open_unpacked(tmp_path / "x.any") as file:
        assert file.read() == content


def test_members_of_zip_and_tar_files_are_listed_and_opened_whatever_their_names(tmp_path: Path) -> None:
    packed(tmp_path / "tar", {"../a/1": b"one", "/b": b"two"})
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.mkdir("folder")
        archive.writestr("../a/1", "one")
        archive.writestr("/b", "two")
    for name in ("tar", "zip"):
        assert list_members(tmp_path / name) == ["../a/1", "/b"]
        with open_member(tmp_path / name, "../a/1") as file:
            assert file.read() == b"one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tar", "zip"]


@pytest.mark.parametrize("content", [b"", b"PK", b"text", gzip.compress(b"text", mtime=0)])
def test_what_is_no_archive_cannot_be_listed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DAMAGE):
        list_members(tmp_path / "x.zip")
