from collections.abc import Callable
from pathlib import Path

import pytest

from digitrec.data.folder_index import index_folder
from digitrec.errors import DataError


def _folder(folder: Path) -> Path:
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.png").write_bytes(b"one")
    (folder / "a" / "2.png").write_bytes(b"two")
    (folder / "labels.csv").write_text("file,label\n")
    return folder


def test_files_and_bytes_are_counted(tmp_path: Path) -> None:
    found = index_folder(_folder(tmp_path))
    assert (found["files"], found["bytes"]) == (3, 17)
    assert index_folder(tmp_path) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a/1.png").write_bytes(b"uno"),
        lambda folder: (folder / "a/3.png").write_bytes(b"one"),
        lambda folder: (folder / "a/1.png").unlink(),
        lambda folder: (folder / "a/1.png").rename(folder / "a/0.png"),
        lambda folder: (folder / "labels.csv").write_text("file,labels"),
    ],
    ids=["changed", "added", "removed", "renamed", "labels"],
)
def test_any_change_gives_another_digest(tmp_path: Path, change: Callable[[Path], object]) -> None:
    before = index_folder(_folder(tmp_path))["sha256"]
    change(tmp_path)
    assert index_folder(tmp_path)["sha256"] != before


def test_hidden_files_and_times_do_not_count(tmp_path: Path) -> None:
    before = index_folder(_folder(tmp_path))
    (tmp_path / "a" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "a" / "1.png").touch()
    assert index_folder(tmp_path) == before


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (_folder(tmp_path) / "b.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"b\.png: cannot be read: No such file"):
        index_folder(tmp_path)
