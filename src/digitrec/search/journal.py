"""The journal of finished fits: what a killed search need not do again."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from digitrec.errors import ArtifactError

# Of an entry's form and meaning; entries of version 1 have no SHA-256.
VERSION = 2


class Journal:
    """Scores by cell key, in a file of JSON lines to which every finished cell is added at once.

    Parameters
    ----------
    path : Path
        Read if it exists. Lines that are damaged (the last one, when the machine went down) or of another version are
        ignored with a warning and their cells are fitted again.
    """

    def __init__(self, path: Path):
        self.path = path
        self.entries: dict[str, dict[str, Any]] = {}
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        # What follows the last newline was not written to its end.
        self._unfinished = bool(lines and lines[-1])
        damaged = foreign = 0
        for line in lines:
            if not line:
                continue
            try:
                entry = json.loads(line)
                if entry.get("version") != VERSION:
                    foreign += 1
                    continue
                if entry.get("sha256") != _sha256(entry):
                    raise ValueError("its SHA-256 is another one")
                self.entries[entry["key"]] = entry
            except (ValueError, AttributeError):
                damaged += 1
        for count, kind in ((damaged, "damaged entries"), (foreign, "entries of another version")):
            if count:
                print(f"warning: ignoring {count} {kind} of {path}; their fits are done again.", flush=True)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def score(self, key: str) -> float:
        """Give the accuracy of a finished cell; NaN if its fit failed."""
        score = self.entries[key]["score"]
        return math.nan if score is None else score

    def add_all(self, finished: Iterable[tuple[str, float | None, str | None, dict[str, Any]]]) -> None:
        """Record finished cells, all or none, on disk before this returns.

        Parameters
        ----------
        finished : iterable of (key, score, reason, params)
            Accuracy on the fold's test part, or None if the fit failed, and why; `params` are for a person who reads
            the file.
        """
        names = ("key", "score", "reason", "params")
        entries: list[dict[str, Any]] = [
            {"version": VERSION, **dict(zip(names, cell, strict=True))} for cell in finished
        ]
        # A digit of a score that flips on the disk is a digit all the same.
        entries = [entry | {"sha256": _sha256(entry)} for entry in entries]
        lines = b"".join(json.dumps(entry, allow_nan=False).encode() + b"\n" for entry in entries)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # One write: whole lines, also when two searches share the file.
                content = (b"\n" if self._unfinished else b"") + lines
                self._unfinished = True
                if os.write(file, content) < len(content):
                    # What a disk has room for is written without an error.
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise ArtifactError(
                f"cannot write {self.path}: {error.strerror}. The fits recorded so far are kept; "
                "make room or give access there, then run the same command again."
            ) from error
        self._unfinished = False
        self.entries.update({entry["key"]: entry for entry in entries})


def _sha256(entry: dict[str, Any]) -> str:
    content = {key: value for key, value in entry.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
