"""Which commit recorded the last run of each stage, from git, and which stages are older than what they are made of."""

import contextlib
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from dvc.repo import Repo

from digitrec.errors import DigitrecError

# What git calls lines that are in no commit.
UNCOMMITTED = "0" * 40


class Recorded(NamedTuple):
    """Where a stage's entry in dvc.lock was last written.

    Attributes
    ----------
    commit : str or None
        The first letters of the commit's name; None for what is not committed yet.
    day : date
        Of that commit, in UTC.
    """

    commit: str | None
    day: date


def last_recorded(folder: Path) -> dict[str, Recorded]:
    """Tell for each stage of a project which commit was the last to write in its entry of dvc.lock.

    DVC writes there when it has run a stage or has taken its results from the cache.

    Parameters
    ----------
    folder : Path
        The project's folder.

    Returns
    -------
    dict
        By stage, in the order of dvc.lock.

    Raises
    ------
    DigitrecError
        Where git does not know dvc.lock, or is not installed.
    """
    command = ["git", "blame", "--line-porcelain", "dvc.lock"]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise DigitrecError("git is not installed: which commit recorded what is not known") from error
    if result.returncode:
        raise DigitrecError(f"{folder / 'dvc.lock'}: git knows no history of it ({result.stderr.strip()})")
    newest: dict[str, tuple[int, str]] = {}
    stage = commit = None
    seconds = 0
    for line in result.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if line.startswith("\t"):
            if line.startswith("\t  ") and line[3] != " ":
                stage = line.strip().removesuffix(":")
            if stage and commit:
                newest[stage] = max(newest.get(stage, (0, "")), (seconds, commit))
        elif len(word) == len(UNCOMMITTED):
            commit = word
        elif word == "committer-time":
            seconds = int(rest)
    return {
        stage: Recorded(None if name == UNCOMMITTED else name[:7], datetime.fromtimestamp(second, UTC).date())
        for stage, (second, name) in newest.items()
    }


def outdated(folder: Path) -> set[str]:
    """Name the stages that never ran, and those whose code, parameters or data differ from those of their last run.

    What is not there at all, as in a new clone without a cache, is no difference.

    Parameters
    ----------
    folder : Path
        The project's folder.
    """
    # DVC gives paths in messages by the working folder, and finds its project from there.
    with contextlib.chdir(folder), Repo() as repo:
        status = repo.status()
    return {stage for stage, changes in status.items() if any(_differs(change) for change in changes)}


def _differs(change: str | dict[str, dict]) -> bool:
    if isinstance(change, str):
        return change == "changed command"
    return any(
        state != "deleted" if isinstance(state, str) else bool(state)
        for state in change.get("changed deps", {}).values()
    )
