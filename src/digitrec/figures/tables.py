"""Tables that stages wrote, as text: what is a number, who draws it knows."""

import csv
from pathlib import Path

from digitrec.errors import ArtifactError


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file, a dictionary a row.

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
