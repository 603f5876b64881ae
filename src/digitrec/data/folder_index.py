"""The fingerprint of a folder of pictures: another one when one is changed, added, removed, renamed or relabelled."""

import hashlib
from pathlib import Path
from typing import Any

from digitrec.data.folder_listing import list_folder
from digitrec.errors import DataError
from digitrec.pipeline.progress import progress_bar


def index_folder(folder: Path) -> dict[str, Any]:
    """Hash the pictures of a folder; what else lies there, a note or a licence, does not count.

    Returns
    -------
    dict
        `sha256` of every picture's path, class, part and content, and of what is wrong with the listing; how many
        `files` and `bytes`.

    Raises
    ------
    DataError
        When there is no such folder, or a picture cannot be read.
    """
    listing = list_folder(folder)
    total = hashlib.sha256()
    n_bytes = 0
    with progress_bar(len(listing.pictures), "indexing", unit=" files", leave=False) as bar:
        for picture in listing.pictures:
            try:
                with open(folder / picture.path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                    n_bytes += file.tell()
            except OSError as error:
                raise DataError(f"{folder / picture.path}: cannot be read: {error.strerror}") from error
            total.update(f"{tuple(picture)!r} {content}\n".encode())
            bar.update()
    total.update(f"{listing.parted} {listing.problems!r}".encode())
    return {"sha256": total.hexdigest(), "files": len(listing.pictures), "bytes": n_bytes}
