import os
from pathlib import Path

import pytest

from digitrec.data.folder_listing import Listing, Picture, list_folder
from digitrec.errors import DataError


def _touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def _table(folder: Path, *lines: str, encoding: str = "utf-8") -> Listing:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
    return list_folder(folder)


def test_folders_at_any_depth_are_classes_in_any_script(tmp_path: Path) -> None:
    paths = ["Greek/character03/b.png", "Greek/character03/a.png", "犬/1.jpg", "кошка/x.webp", "a b/ü.bmp"]
    _touch(tmp_path, *paths)
    found = list_folder(tmp_path)
    assert found.pictures == [Picture(path, path.rpartition("/")[0], "") for path in sorted(paths)]
    assert (found.others, found.unlabelled, found.empty, found.parted, found.problems) == ([], [], [], False, [])


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["signs/0/a.png", "signs/1/a.png"], ["0", "1"]),
        (["x/y/Greek/1/a.png", "x/y/Greek/2/a.png", "x/y/Latin/1/a.png"], ["Greek/1", "Greek/2", "Latin/1"]),
        (["cat/a.png", "cat/cat/a.png"], ["cat", "cat/cat"]),
        (["only/a.png"], ["only"]),
    ],
)
def test_folders_that_all_classes_lie_in_are_no_part_of_their_names(
    tmp_path: Path, paths: list[str], labels: list[str]
) -> None:
    _touch(tmp_path, *paths)
    assert [picture.label for picture in list_folder(tmp_path).pictures] == labels


def test_pictures_are_known_by_their_names(tmp_path: Path) -> None:
    paths = [f"a/x.{suffix}" for suffix in ("png", "PNG", "Jpg", "jpeg", "jfif", "bmp", "webp", "tif", "TIFF", "gif")]
    paths += [f"a/x.{suffix}" for suffix in ("HEIC", "heif", "avif", "jp2", "ppm", "pgm", "pbm", "pnm")]
    _touch(tmp_path, *paths, "a/x.svg", "a/x.pdf", "a/png")
    found = list_folder(tmp_path)
    assert [picture.path for picture in found.pictures] == sorted(paths)
    assert found.others == ["a/png", "a/x.pdf", "a/x.svg"]


@pytest.mark.parametrize("name", ["a/x.png", "labels.csv", "note.txt"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "a/1.png", "b/1.png")
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}: is a pipe, a socket or a device, expected a file; take it out"):
        list_folder(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(DataError, match=rf"{name}: is a pipe, a socket or a device"):
        list_folder(tmp_path)
    (tmp_path / "a/2.png").symlink_to("../b/1.png")
    (tmp_path / name).unlink()
    assert [picture.path for picture in list_folder(tmp_path).pictures] == ["a/1.png", "a/2.png", "b/1.png"]


def test_a_problem_is_one_line_whatever_names_and_tables_hold(tmp_path: Path) -> None:
    _touch(tmp_path, "new\nline.png", "a/1.png", "b/1.png")
    assert list_folder(tmp_path).problems == ["new?line.png: lies in no class's folder"]
    found = _table(tmp_path, "file,label", '"a\x1b[31m\nb.png",a')
    assert found.problems == ["labels.csv, line 3: there is no file 'a?[31m?b.png'"]


def test_what_is_no_picture_is_listed_and_what_is_hidden_is_not(tmp_path: Path) -> None:
    _touch(
        tmp_path, "a/1.png", "a/Thumbs.db", "README.md", ".DS_Store", "a/.DS_Store", "a/._1.png", ".git/x.png", "png"
    )
    (tmp_path / "b" / "c").mkdir(parents=True)
    found = list_folder(tmp_path)
    assert [picture.path for picture in found.pictures] == ["a/1.png"]
    assert found.others == ["README.md", "a/Thumbs.db", "png"]
    assert found.empty == ["b/c/"]
    assert not found.problems


def test_a_picture_outside_of_any_class_is_a_problem(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.png", "2.png")
    found = list_folder(tmp_path)
    assert found.problems == ["2.png: lies in no class's folder"]
    assert [picture.path for picture in found.pictures] == ["a/1.png"]


def test_a_folder_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: is not there\. Put your pictures there, a folder for each class"):
        list_folder(tmp_path / "none")
    _touch(tmp_path, "file")
    with pytest.raises(DataError, match="file: is no folder"):
        list_folder(tmp_path / "file")


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    _touch(tmp_path, "elsewhere/1.png", "own/a/2.png")
    (tmp_path / "own" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "own" / "a" / "again").symlink_to(tmp_path / "own")
    assert [picture.path for picture in list_folder(tmp_path / "own").pictures] == ["a/2.png", "b/1.png"]


def test_a_name_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.png")
    try:
        (Path(os.fsdecode(bytes(tmp_path) + b"/a/\xff.png"))).touch()
    except OSError:
        pytest.skip("the file system takes no such names")
    (problem,) = list_folder(tmp_path).problems
    assert problem == r"'a/\udcff.png': its name is not UTF-8; give it another"


def test_train_and_test_at_the_top_are_parts(tmp_path: Path) -> None:
    _touch(tmp_path, "train/x/a/1.png", "test/x/a/2.png", "train/y/3.png", "train/4.png", "valid/y/5.png")
    found = list_folder(tmp_path)
    assert found.parted
    assert found.pictures == [
        Picture("test/x/a/2.png", "x/a", "test"),
        Picture("train/x/a/1.png", "x/a", "train"),
        Picture("train/y/3.png", "y", "train"),
    ]
    assert found.problems == [
        "train/4.png: lies in no class's folder",
        "valid: is beside train/ and test/; move its pictures into one of the two",
    ]


@pytest.mark.parametrize("paths", [["train/1.png", "test/2.png", "bus/3.png"], ["train/a/1.png", "bus/a/2.png"]])
def test_classes_may_be_called_train_and_test(tmp_path: Path, paths: list[str]) -> None:
    _touch(tmp_path, *paths)
    found = list_folder(tmp_path)
    assert not found.parted
    assert {picture.label for picture in found.pictures} == {path.rpartition("/")[0] for path in paths}


def test_a_table_says_what_each_picture_is(tmp_path: Path) -> None:
    _touch(tmp_path, "1.png", "deep/in/2.jpg", "deep/3.gif", "notes.txt")
    found = _table(tmp_path, "more,label,file", "x,cat,1.png", 'y,"dog, small",./deep/in/2.jpg', encoding="utf-8-sig")
    assert found.pictures == [Picture("1.png", "cat", ""), Picture("deep/in/2.jpg", "dog, small", "")]
    assert (found.others, found.unlabelled, found.problems) == (["notes.txt"], ["deep/3.gif"], [])


def test_a_table_and_parts_go_together(tmp_path: Path) -> None:
    _touch(tmp_path, "train/1.png", "test/2.png")
    found = _table(tmp_path, "file,label", "train/1.png,cat", "test/2.png,dog")
    assert found.pictures == [Picture("test/2.png", "dog", "test"), Picture("train/1.png", "cat", "train")]


def test_everything_that_is_wrong_with_a_table_is_named(tmp_path: Path) -> None:
    _touch(tmp_path, "own/1.png", "own/2.txt", "outside.png")
    rows = [
        "none.png,a",
        "../outside.png,a",
        f"{tmp_path}/outside.png,a",
        "2.txt,a",
        "1.png,",
        "1.png,a",
        "1.png,b",
        ",b",
    ]
    found = _table(tmp_path / "own", "file,label", *rows)
    assert found.problems == [
        "labels.csv, line 2: there is no file 'none.png'",
        "labels.csv, line 3: '../outside.png' lies outside the folder; expected a path within it",
        f"labels.csv, line 4: '{tmp_path}/outside.png' lies outside the folder; expected a path within it",
        "labels.csv, line 5: '2.txt' is no image by its name",
        "labels.csv, line 6: expected a file and its label, got '1.png' and ''",
        "labels.csv, line 8: '1.png' stands there twice",
        "labels.csv, line 9: expected a file and its label, got '' and 'b'",
    ]
    assert found.pictures == [Picture("1.png", "a", "")]


def test_a_table_of_other_columns_or_none_says_what_was_expected(tmp_path: Path) -> None:
    found = _table(tmp_path, "file;label", "1.png;a")
    assert found.problems == ["labels.csv: lacks column file and label; expected file,label, found file;label"]
    (tmp_path / "labels.csv").write_bytes(b"")
    assert list_folder(tmp_path).problems == [
        "labels.csv: lacks column file and label; expected file,label, it is empty"
    ]
    (tmp_path / "labels.csv").write_bytes("file,label\n1.png,Straße\n".encode("latin-1"))
    (problem,) = list_folder(tmp_path).problems
    assert problem.startswith("labels.csv: is no CSV file in UTF-8")


def test_parts_are_found_in_a_folder_of_their_own(tmp_path: Path) -> None:
    _touch(tmp_path, "flowers/train/rose/a.png", "flowers/train/iris/b.png", "flowers/test/rose/c.png")
    found = list_folder(tmp_path)
    assert found.parted
    assert {(picture.label, picture.part) for picture in found.pictures} == {
        ("rose", "train"),
        ("iris", "train"),
        ("rose", "test"),
    }


@pytest.mark.parametrize("names", [("train", "val"), ("Train", "Test"), ("training", "testing")])
def test_parts_by_other_names_are_a_problem_and_no_classes(tmp_path: Path, names: tuple[str, str]) -> None:
    _touch(tmp_path, *(f"{name}/{label}/a.png" for name in names for label in ("rose", "iris")))
    (problem,) = list_folder(tmp_path).problems
    assert problem.startswith(f"{', '.join(sorted(names))}: seem to be parts")
