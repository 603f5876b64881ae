"""Which commit recorded the last run of each stage, from git, and which stages are older than what they are made of."""

import contextlib
import re
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from dvc.repo import Repo

from digitrec.errors import DigitrecError

# In dvc.lock, which DVC writes, a stage's name stands alone on its line.
ENTRY = re.compile(r"^  (\S+):\n", re.MULTILINE)


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
    """Tell for each stage of a project since which commit its entry of dvc.lock has been what it is.

    DVC writes there when it has run a stage or has taken its results from the cache. Lines alone do not tell, since
    entries are alike and git takes one's lines for another's. What is left of stages that there are no more does not
    count.

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
    commits = [
        line.split() for line in _git(folder, "log", "--format=%h %ct", "--abbrev=7", "--", "dvc.lock").splitlines()
    ]
    with contextlib.chdir(folder), Repo() as repo:
        stages = {stage.addressing for stage in repo.index.stages}
    now = {name: entry for name, entry in _entries((folder / "dvc.lock").read_text()).items() if name in stages}
    today = datetime.now(UTC).date()
    recorded = dict.fromkeys(now, Recorded(None, today))
    same = set(now)
    for commit, seconds in commits:
        then = _entries(_git(folder, "show", f"{commit}:./dvc.lock"))
        same = {name for name in same if then.get(name) == now[name]}
        entry = Recorded(commit, datetime.fromtimestamp(int(seconds), UTC).date())
        recorded |= dict.fromkeys((name for name in now if name in same), entry)
    return recorded


def _entries(lock: str) -> dict[str, str]:
    """The text of each stage's entry by the stage's name."""
    parts = ENTRY.split(lock)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _git(folder: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise DigitrecError("git is not installed: which commit recorded what is not known") from error
    if result.returncode or not result.stdout:
        raise DigitrecError(f"{folder / 'dvc.lock'}: git knows no history of it ({result.stderr.strip()})")
    return result.stdout


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
