"""Packed files, read where they lie: nothing is unpacked to where an archive says."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from digitrec.errors import DataError

# What reading a packed file that is cut short or damaged ends in, or one that is packed in a way or with a password
# that Python does not know.
DAMAGE = (
    EOFError,
    NotImplementedError,
    RuntimeError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
GZIP = b"\x1f\x8b"
_OPENERS: dict[bytes, Callable] = {GZIP: gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


def open_unpacked(path: Path) -> BufferedIOBase:
    """Open what a gzip, bzip2 or xz file holds, told by its first bytes; any other file as it is."""
    with open(path, "rb") as file:
        opener = _OPENERS.get(file.read(2), open)
    return cast(BufferedIOBase, opener(path, "rb"))


def list_members(archive: Path) -> list[str]:
    """Name the files in a zip or tar file, compressed in any way.

    Raises
    ------
    One of `DAMAGE`, or OSError
        When it is neither, or cannot be read.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            return [member.filename for member in zipped.infolist() if not member.is_dir()]
    with tarfile.open(archive) as tarred:
        return [member.name for member in tarred if member.isfile()]


@contextmanager
def open_member(archive: Path, name: str) -> Iterator[BufferedIOBase]:
    """Open a file in a zip or tar file.

    Raises
    ------
    One of `DAMAGE`, or OSError
        Also while it is read.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped, zipped.open(name) as file:
            yield cast(BufferedIOBase, file)
    else:
        with tarfile.open(archive) as tarred, cast(BufferedIOBase, tarred.extractfile(name)) as file:
            yield file


def read_members(archive: Path, names: list[str]) -> list[bytes]:
    """Read files of a tar archive.

    Parameters
    ----------
    archive : Path
        Compressed in any way, or not at all.
    names : list of str
        Paths inside it.

    Raises
    ------
    DataError
        When one is missing.
    """
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as members:
        # As they come: to go back is to unpack all from the beginning again.
        for member in members:
            # A link could lead round and round, or to what is not there.
            file = members.extractfile(member) if member.isfile() and member.name in names else None
            if file:
                found[member.name] = file.read()
            if len(found) == len(names):
                break
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{archive.name}: lacks {', '.join(missing)}")
    return [found[name] for name in names]
