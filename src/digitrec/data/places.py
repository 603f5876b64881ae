"""Finding a published file where people keep it: in a folder, packed or not, under Kaggle's names, in a zip file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from digitrec.data.archives import DAMAGE, list_members, open_member

# Files of a folder that are looked at, and folders within folders: somebody may name the home folder.
MOST_FILES = 20_000
DEEPEST = 4
PACKED = (".gz", ".bz2", ".xz")


class Copy(NamedTuple):
    """What may be a published file, by its name."""

    path: Path
    # Where `path` is an archive: the file in it.
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}, in it {self.member}" if self.member else str(self.path)

    @contextmanager
    def open(self) -> Iterator[BufferedIOBase]:
        """Open it, in the archive or out of it."""
        with open_member(self.path, self.member) if self.member else open(self.path, "rb") as file:
            yield file


def local_path(source: str) -> Path:
    """Turn a path or a `file:` URL into a path; `~` is the home folder in either."""
    if source[:5].lower() == "file:":
        source = unquote(source[5:]).removeprefix("//").removeprefix("localhost")
    try:
        return Path(source).expanduser()
    except RuntimeError:
        # There is nobody of that name, nor a file in their home folder.
        return Path(source)


def unpacked_names(name: str) -> list[str]:
    """Give the names of a gzip file of IDX once it is unpacked: its own and Kaggle's."""
    unpacked = name.removesuffix(".gz")
    return list(dict.fromkeys([unpacked, unpacked.replace("-idx", ".idx")]))


def copies(place: Path, name: str) -> Iterator[Copy]:
    """Look for a file in a folder, and in folders and zip files within, or in one zip or tar file.

    Parameters
    ----------
    place : Path
        The folder or archive.
    name : str
        As it was published. What has it in its own name counts, whatever stands around and between its letters and
        digits, and whether packed or not: its content must tell.

    Yields
    ------
    Copy
        The file of just that name first. An archive that cannot be read is taken to hold the file, so that opening
        that says what is wrong.
    """
    files = list(_walk(place)) if place.is_dir() else [place] if place.exists() else []
    exact = [path for path in files if path == place / name]
    alike = [path for path in files if _alike(name, path.name) and path not in exact]
    yield from map(Copy, [*exact, *alike])
    for path in files:
        # Tar files have no table of contents, and are read from end to end only where a person named one.
        if path not in exact and (path.suffix.lower() == ".zip" or path == place):
            yield from _members(path, name)


def _members(path: Path, name: str) -> Iterator[Copy]:
    try:
        members = list_members(path)
    except (*DAMAGE, OSError):
        members = [name]
    for member in members:
        if _alike(name, member.rpartition("/")[2]):
            yield Copy(path, member)


def _alike(published: str, found: str) -> bool:
    # What macOS puts into zip files beside the files.
    return not found.startswith(".") and _letters(published) in _letters(found)


def _letters(name: str) -> str:
    name = name.lower()
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    return re.sub("[^a-z0-9]", "", name)


def _walk(place: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, files in os.walk(place, followlinks=True):
        folders.sort()
        if len(Path(folder).relative_to(place).parts) == DEEPEST:
            folders.clear()
        for name in sorted(files):
            yield Path(folder) / name
        count += len(files)
        if count > MOST_FILES:
            return
