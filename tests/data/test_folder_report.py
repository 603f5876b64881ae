import os
import shutil
from pathlib import Path

import pytest

from digitrec.data import folder_reading
from digitrec.data.folder_report import FolderReport, check_folder
from digitrec.errors import DataError
from tests.data.pictures import folder_spec, picture, save, write_classes


def _files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def test_a_folder_without_fault_is_described(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 8, "狗": 12})
    (tmp_path / "LICENSE.txt").touch()
    (tmp_path / "bird").mkdir()
    before = _files(tmp_path)
    report = check_folder(folder_spec(tmp_path), least=3)
    assert report.text().splitlines() == [
        f"{tmp_path}:",
        "  20 pictures in 2 classes of 8 to 12: cat, 狗",
        "  sizes: 10x8 (20)",
        "  colours: colour (20)",
        "  read as 10x8 colour: 15 for training, 5 for the test",
        "  no image by its name, passed over: LICENSE.txt",
        "  empty folder, passed over: bird/",
    ]
    assert not report.fatal
    assert _files(tmp_path) == before


def test_the_path_is_relative_to_the_root(tmp_path: Path) -> None:
    write_classes(tmp_path / "own", {"a": 4, "b": 4})
    assert check_folder(folder_spec("own"), root=tmp_path).text().startswith("own:\n  8 pictures")
    with pytest.raises(DataError, match="none: is not there"):
        check_folder(folder_spec("none"), root=tmp_path)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 8, "b": 8, "few": 3})
    save(tmp_path / "b" / "copy.bmp", picture(2))
    (tmp_path / "a" / "empty.png").touch()
    (tmp_path / "b" / "text.jpg").write_text("no picture")
    save(tmp_path / "stray.png", picture(5000))
    report = check_folder(folder_spec(tmp_path), least=4)
    assert report.fatal
    assert report.problems == [
        "stray.png: lies in no class's folder",
        "a/empty.png: is empty (0 bytes), expected an image",
        "b/text.jpg: is no image; expected PNG, JPEG, BMP, WebP, TIFF, GIF, HEIC, AVIF, JPEG 2000 or PNM",
        "class 'few': has too few pictures, 2 to train with, beside 1 for the test; expected at least 4, one for each "
        "fold of the search",
        "a/002.png and b/copy.bmp: are the same picture, in two classes; remove one",
    ]
    assert f"{tmp_path} cannot be used before this is mended (nothing was written):" in report.text()


def test_damaged_pictures_may_be_skipped(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "a" / "empty.png").touch()
    report = check_folder(folder_spec(tmp_path, skip_damaged=True))
    assert not report.fatal
    assert report.warnings == ["left out: a/empty.png: is empty (0 bytes), expected an image"]
    assert report.facts[0].startswith("8 pictures")


def test_a_class_of_damaged_pictures_alone_has_too_few(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "1.png").touch()
    report = check_folder(folder_spec(tmp_path, skip_damaged=True))
    assert report.problems == [
        "class 'c': has too few pictures, 0 to train with; expected at least 2, one for each fold of the search"
    ]


def test_parts_are_compared(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"a": 4, "b": 4, "untested": 4})
    for number, path in enumerate(["a/1.png", "b/1.png", "new/1.png"]):
        save(tmp_path / "test" / path, picture(9000 + number))
    shutil.copy(tmp_path / "train/a/000.png", tmp_path / "test/a/2.png")
    shutil.copy(tmp_path / "train/a/001.png", tmp_path / "test/b/3.png")
    report = check_folder(folder_spec(tmp_path))
    assert report.facts[3] == "read as 10x8 colour: 12 for training, 5 for the test"
    assert report.warnings == ["class 'untested': is in train/ and not in test/"]
    assert report.problems == [
        "class 'new': is in test/ and not in train/",
        "test/a/2.png and train/a/000.png: are the same picture, in training and test; remove one",
        "test/b/3.png and train/a/001.png: are the same picture, in two classes and in training and test; remove one",
    ]


def test_copies_within_a_class_are_no_problem(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 6, "b": 6})
    shutil.copy(tmp_path / "a/000.png", tmp_path / "a/copy.png")
    assert not check_folder(folder_spec(tmp_path)).fatal


@pytest.mark.parametrize(("n_small", "warned"), [(2, True), (4, False)])
def test_a_class_ten_times_another_is_worth_a_warning(tmp_path: Path, n_small: int, warned: bool) -> None:
    write_classes(tmp_path, {"big": 24, "small": n_small}, height=2, width=3)
    report = check_folder(folder_spec(tmp_path), least=1)
    assert any("`class_weight: balanced`" in warning for warning in report.warnings) is warned
    assert not report.fatal


@pytest.mark.parametrize(
    ("counts", "found"), [({}, "no pictures in folders"), ({"only": 5}, "one class, 'only'")], ids=["none", "one"]
)
def test_fewer_than_two_classes_are_a_problem(tmp_path: Path, counts: dict[str, int], found: str) -> None:
    write_classes(tmp_path, counts)
    (tmp_path / "README.md").touch()
    report = check_folder(folder_spec(tmp_path))
    assert report.problems[0].startswith(f"holds {found}; expected two or more")
    assert "no image by its name, passed over: README.md" in report.facts


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path / str(number) / "1.png", picture(number, 2, 2 + number))
        (tmp_path / f"{number:02}.txt").touch()
    report = check_folder(folder_spec(tmp_path))
    assert report.facts[:2] == [
        "30 pictures in 30 classes of 1",
        "sizes: 2x2 (1), 3x2 (1), 4x2 (1), 5x2 (1), 6x2 (1) and 25 more",
    ]
    assert report.facts[-1] == "and 10 more of this kind"
    assert len(report.problems) == 21
    assert report.problems[-1] == "and 10 more of this kind"


def test_of_very_many_pictures_some_are_looked_at_for_size_and_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_reading, "MOST_HEADERS", 5)
    write_classes(tmp_path, {"a": 6, "b": 6})
    facts = check_folder(folder_spec(tmp_path)).facts
    assert facts[1:3] == ["sizes of 4 of them: 10x8 (4)", "colours of 4 of them: colour (4)"]


def test_a_report_without_problems_is_not_fatal() -> None:
    assert not FolderReport("x", [], ["careful"], []).fatal
    assert FolderReport("x", [], ["careful"], []).text() == "x:\n  warning: careful"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0)
    with pytest.raises(DataError, match="a: cannot be listed: Permission denied"):
        check_folder(folder_spec(tmp_path))
