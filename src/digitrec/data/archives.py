"""Files inside downloaded archives, read in memory: nothing is unpacked to where an archive says."""

import tarfile
from pathlib import Path

from digitrec.errors import DataError


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
            file = members.extractfile(member) if member.name in names else None
            if file:
                found[member.name] = file.read()
            if len(found) == len(names):
                break
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{archive.name}: lacks {', '.join(missing)}")
    return [found[name] for name in names]
