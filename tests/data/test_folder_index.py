from collections.abc import Callable
from pathlib import Path

import pytest

from digitrec.data.folder_index import index_folder
from digitrec.errors import DataError


def _folder(folder: Path) -> Path:
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    (folder / "a" / "1.png").write_bytes(b"one")
    (folder / "a" / "2.png").write_bytes(b"two")
    (folder / "b" / "3.png").write_bytes(b"three")
    return folder


def _with_labels(folder: Path) -> Path:
    (_folder(folder) / "labels.csv").write_text("file,label\na/1.png,cat\na/2.png,dog\n")
    return folder


def test_pictures_and_bytes_are_counted(tmp_path: Path) -> None:
    found = index_folder(_folder(tmp_path))
    assert (found["files"], found["bytes"]) == (3, 11)
    assert index_folder(tmp_path) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a/1.png").write_bytes(b"uno"),
        lambda folder: (folder / "a/4.png").write_bytes(b"one"),
        lambda folder: (folder / "a/1.png").unlink(),
        lambda folder: (folder / "a/1.png").rename(folder / "a/0.png"),
        lambda folder: (folder / "a/1.png").rename(folder / "b/1.png"),
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "labels.csv").write_text("file,label\na/1.png,cat\n"),
        lambda folder: (folder / "5.png").write_bytes(b"in no class"),
    ],
    ids=["changed", "added", "removed", "renamed", "moved", "class renamed", "labels added", "in no class"],
)
def test_any_change_of_pictures_or_their_classes_gives_another_digest(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    before = index_folder(_folder(tmp_path))["sha256"]
    change(tmp_path)
    assert index_folder(tmp_path)["sha256"] != before


@pytest.mark.parametrize(
    "labels", ["file,label\na/1.png,cat\na/2.png,cat\n", "file,label\na/1.png,cat\na/9.png,dog\n", "file,labels\n"]
)
def test_another_label_or_a_mistake_in_the_labels_gives_another_digest(tmp_path: Path, labels: str) -> None:
    before = index_folder(_with_labels(tmp_path))["sha256"]
    (tmp_path / "labels.csv").write_text(labels)
    assert index_folder(tmp_path)["sha256"] != before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a/notes.txt").write_text("to do"),
        lambda folder: (folder / "LICENSE").touch(),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: (folder / "a/.DS_Store").write_bytes(b"x"),
        lambda folder: (folder / "a/1.png").touch(),
    ],
    ids=["note", "licence", "empty folder", "hidden", "time"],
)
def test_what_is_no_picture_and_when_it_was_written_do_not_count(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    before = index_folder(_folder(tmp_path))
    change(tmp_path)
    assert index_folder(tmp_path) == before


def test_a_picture_that_the_labels_leave_out_does_not_count(tmp_path: Path) -> None:
    before = index_folder(_with_labels(tmp_path))
    (tmp_path / "b/3.png").write_bytes(b"another")
    (tmp_path / "labels.csv").write_text("file,label,who\na/2.png,dog,me\na/1.png,cat,me\n")
    assert index_folder(tmp_path) == before


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (_folder(tmp_path) / "b" / "4.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"4\.png: cannot be read: No such file"):
        index_folder(tmp_path)
