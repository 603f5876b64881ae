"""Archives for tests."""

import io
import tarfile
from pathlib import Path


def packed(path: Path, members: dict[str, bytes]) -> Path:
    """A tar.gz file with these members; its path."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
