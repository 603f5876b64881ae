"""Which pictures a folder holds, and of which class and part each is: by names alone, nothing is opened."""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from digitrec.errors import DataError

# By content, any of the formats may stand under any of these.
SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif"),
        *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
    )
)
LABELS = "labels.csv"
COLUMNS = ("file", "label")
PARTS = ("train", "test")
NAMES_OF_PARTS = frozenset(("train", "training", "dev", "val", "valid", "validation", "test", "testing"))


class Picture(NamedTuple):
    """A picture: path relative to the folder, its parts joined with '/'; name of its class; `train`, `test` or ''."""

    path: str
    label: str
    part: str


class Listing(NamedTuple):
    """What a folder holds.

    Parameters
    ----------
    pictures : list of Picture
        In the order of their paths.
    others : list of str
        Files that are no images by their names.
    unlabelled : list of str
        Pictures that `labels.csv` does not name.
    empty : list of str
        Folders with nothing in them that is not hidden.
    parted : bool
        Whether training and test pictures lie in folders of their own.
    problems : list of str
        What must be mended before the pictures can be read.
    """

    pictures: list[Picture]
    others: list[str]
    unlabelled: list[str]
    empty: list[str]
    parted: bool
    problems: list[str]


def list_folder(folder: Path) -> Listing:
    """List a folder of pictures.

    Classes are folders at any depth, named by their paths from where they part; or what `labels.csv` at the top says.
    Where `train` and `test` hold the classes, they are the parts. Hidden files and folders are passed
    over.

    Raises
    ------
    DataError
        When there is no such folder.
    """
    files, empty = find_files(folder)
    images = [path for path in files if PurePosixPath(path).suffix.lower() in SUFFIXES]
    others = [path for path in files if PurePosixPath(path).suffix.lower() not in SUFFIXES and path != LABELS]
    # Bytes that are no UTF-8 come as lone surrogates, which no JSON and no message can hold.
    problems = [f"{path!a}: its name is not UTF-8; give it another" for path in files if not _can_be_written(path)]
    images = [path for path in images if _can_be_written(path)]
    # An archive that was unpacked often lies in a folder of its own.
    top = "" if LABELS in files else _common_folder(images)
    parted = _has_parts(images, top, 1 if LABELS in files else 2)
    if LABELS in files:
        labels, more = _read_labels(folder / LABELS, set(files))
        problems += more
    else:
        labels = {path: _class_folder(path.removeprefix(top), parted) for path in images}
        problems += [f"{path}: lies in no class's folder" for path, label in labels.items() if not label]
        problems += _parts_by_other_names(labels.values(), parted)
    pictures = [
        Picture(path, labels[path], path.removeprefix(top).split("/")[0] if parted else "")
        for path in images
        if labels.get(path)
    ]
    if parted:
        beside = sorted({picture.part for picture in pictures}.difference(PARTS))
        problems += [f"{part}: is beside train/ and test/; move its pictures into one of the two" for part in beside]
        pictures = [picture for picture in pictures if picture.part in PARTS]
    unlabelled = [path for path in images if path not in labels]
    return Listing(pictures, others, unlabelled, empty, parted, [_in_one_line(problem) for problem in problems])


def find_files(folder: Path) -> tuple[list[str], list[str]]:
    """Find all files in a folder but hidden ones, and the folders with nothing in them.

    Returns
    -------
    files, empty : list of str
        Paths relative to the folder, their parts joined with '/', sorted.

    Raises
    ------
    DataError
        When there is no such folder, or one in it cannot be listed, or what lies there is no file: a pipe would be
        waited for, and a device may have no end.
    """
    if not folder.is_dir():
        found = "is no folder" if folder.exists() else "is not there"
        raise DataError(
            f"{folder}: {found}. Put your pictures there, a folder for each class, or name another folder as `path` in "
            "section `folder` of params.yaml."
        )
    files, empty = [], []
    try:
        for path, names, has_folders in _walk(folder, "", frozenset()):
            files += [path + name for name in names]
            if path and not names and not has_folders:
                empty.append(path)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed: {error.strerror}; give access to it") from error
    return sorted(files), sorted(empty)


def _walk(folder: Path, path: str, above: frozenset[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Go through folders and links to folders, not round and round: yield path, files, whether there are folders."""
    here = os.path.realpath(folder)
    if here in above:
        return
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    folders = sorted(entry.name for entry in shown if entry.is_dir())
    files = [entry for entry in shown if not entry.is_dir()]
    for entry in files:
        # A link that leads nowhere is told of when it is opened.
        if not entry.is_file() and Path(entry.path).exists():
            raise DataError(
                f"{entry.path}: is a pipe, a socket or a device, expected a file; take it out of the folder"
            )
    yield path, [entry.name for entry in files], bool(folders)
    for name in folders:
        yield from _walk(folder / name, f"{path}{name}/", above | {here})


def _in_one_line(problem: str) -> str:
    """Leave out what a terminal takes for line ends or commands: it may come from a name or a table."""
    return "".join(letter if letter.isprintable() else "?" for letter in problem)


def _can_be_written(path: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def _common_folder(images: list[str]) -> str:
    """Give the folder, with its '/', in which the folders of all classes lie; empty where that is the top."""
    folders = {path.rpartition("/")[0] for path in images}
    if not folders:
        return ""
    common = os.path.commonpath(folders)
    if common in folders:
        # Pictures lie in that folder itself, so it is a class.
        common = common.rpartition("/")[0]
    return f"{common}/" if common else ""


def _has_parts(images: list[str], top: str, depth: int) -> bool:
    """Tell whether `train` and `test` are parts, and not classes: pictures right in a folder make it a class."""
    paths = [path.removeprefix(top) for path in images]
    return {path.split("/")[0] for path in paths if path.count("/") >= depth}.issuperset(PARTS)


def _class_folder(path: str, parted: bool) -> str:
    return "/".join(path.split("/")[parted:-1])


def _parts_by_other_names(labels: Iterable[str], parted: bool) -> list[str]:
    """Find folders that hold the parts of a dataset, but not by the names that are taken."""
    tops = {label.split("/")[0] for label in labels if "/" in label}
    if parted or len(tops) < 2 or not {top.casefold() for top in tops} <= NAMES_OF_PARTS:
        return []
    return [
        f"{', '.join(sorted(tops))}: seem to be parts and not classes; call them train and test (pictures for "
        "validation belong to train), or move the classes out of them"
    ]


def _read_labels(path: Path, files: set[str]) -> tuple[dict[str, str], list[str]]:
    """Read `labels.csv`: the label of each file, and what is wrong."""
    labels: dict[str, str] = {}
    problems = []
    try:
        # Excel puts a mark before the first column's name.
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or []
            if missing := [column for column in COLUMNS if column not in columns]:
                found = f"found {', '.join(columns)}" if columns else "it is empty"
                return {}, [f"{LABELS}: lacks column {' and '.join(missing)}; expected file,label, {found}"]
            for row in rows:
                name, label = (row["file"] or "").strip(), (row["label"] or "").strip()
                problem = _problem_of_row(name, label, files, labels)
                if problem:
                    problems.append(f"{LABELS}, line {rows.line_num}: {problem}")
                else:
                    labels[str(PurePosixPath(name))] = label
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(f"{LABELS}: is no CSV file in UTF-8 ({error})")
    return labels, problems


def _problem_of_row(name: str, label: str, files: set[str], labels: dict[str, str]) -> str:
    path = PurePosixPath(name)
    if not name or not label:
        return f"expected a file and its label, got '{name}' and '{label}'"
    if path.is_absolute() or ".." in path.parts:
        return f"'{name}' lies outside the folder; expected a path within it"
    if str(path) not in files:
        return f"there is no file '{name}'"
    if path.suffix.lower() not in SUFFIXES:
        return f"'{name}' is no image by its name"
    if str(path) in labels:
        return f"'{name}' stands there twice"
    return ""
