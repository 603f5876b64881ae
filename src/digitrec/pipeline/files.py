"""The one place that writes files: each to a temporary file, then renamed, so it appears whole or not at all."""

import csv
import json
import os
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from digitrec.errors import ArtifactError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; when the block ends well, rename what was written there to `path`.

    Parameters
    ----------
    path : Path
        The file to write. Its folder is made if need be.

    Raises
    ------
    ArtifactError
        When the system refuses the write (a full disk, no permission). `path` is then as it was before.
    """
    # One fixed name a file: what a killed process leaves behind is overwritten by the next one.
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path}: {error.strerror or error}. "
            "Nothing was overwritten; make room or give access there, then run the same command again."
        ) from error
    finally:
        # Where nothing can be written, nothing can be removed.
        with suppress(OSError):
            temporary.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline; NaN is refused with a `ValueError`."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ArtifactError
        When it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: run `dvc repro` to make it.") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged ({error}): remove it and run `dvc repro`.") from error


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write `rows` under a header of `columns`; a value that a row lacks is left empty."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file, a dictionary of texts a row: what is a number, who reads it knows.

    Raises
    ------
    ArtifactError
        When it is missing or no table.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: run `dvc repro` to make it.") from error
    except (ValueError, csv.Error) as error:
        raise ArtifactError(f"{path} is damaged ({error}): remove it and run `dvc repro`.") from error
    if any(None in row or None in row.values() for row in rows):
        raise ArtifactError(f"{path} is damaged (its rows differ in length): remove it and run `dvc repro`.")
    return rows


def write_array(path: Path, array: np.ndarray) -> None:
    """Write `array` as `.npy`, which `read_array` can map into memory."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def read_array(path: Path) -> np.ndarray:
    """Map a `.npy` file into memory, read-only.

    Raises
    ------
    ArtifactError
        When it is missing or damaged.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: run `dvc repro` to make it.") from error
    # The last two: a header that is no Python.
    except (ValueError, EOFError, OSError, SyntaxError, tokenize.TokenError) as error:
        raise ArtifactError(f"{path} is damaged ({error}): remove it and run `dvc repro`.") from error
