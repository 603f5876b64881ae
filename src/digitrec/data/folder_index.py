"""The fingerprint of a folder of pictures: another one when a file is changed, added, removed or renamed."""

import hashlib
from pathlib import Path
from typing import Any

from digitrec.data.folder_listing import find_files
from digitrec.errors import DataError
from digitrec.pipeline.progress import progress_bar


def index_folder(folder: Path) -> dict[str, Any]:
    """Hash all files of a folder but hidden ones.

    Returns
    -------
    dict
        `sha256` of every path, size and content; how many `files` and `bytes`.

    Raises
    ------
    DataError
        When there is no such folder, or a file cannot be read.
    """
    files, _ = find_files(folder)
    total = hashlib.sha256()
    n_bytes = 0
    with progress_bar(len(files), "indexing", unit=" files", leave=False) as bar:
        for path in files:
            try:
                with open(folder / path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                    size = file.tell()
            except OSError as error:
                raise DataError(f"{folder / path}: cannot be read: {error.strerror}") from error
            # A line break, which names may hold, is written apart from the one that ends the line.
            total.update(f"{path!r} {size} {content}\n".encode())
            n_bytes += size
            bar.update()
    return {"sha256": total.hexdigest(), "files": len(files), "bytes": n_bytes}
