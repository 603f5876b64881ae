"""Which exported model is used, the project's own or the pretrained one of the package, and where that is from."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Where stage `export` writes, from the project's folder.
PROJECTS = Path("data/export")
PRETRAINED = Path(__file__).parents[1] / "pretrained"


def model_folder() -> Path:
    """Give the folder of the project's model where the current folder is a project, elsewhere the pretrained one's."""
    return PROJECTS if PROJECTS.is_dir() else PRETRAINED


def commit_of(folder: Path) -> str | None:
    """Name the commit that a model's files are of.

    Parameters
    ----------
    folder : Path
        That stage `export` wrote, or the pretrained one's.

    Returns
    -------
    str or None
        A short hash, with `and changes that are not committed` where that is so; None where nothing tells.
    """
    log = _git(folder, "log", "-1", "--format=%h", "--", ".")
    if log:
        return f"{log} and changes that are not committed" if _git(folder, "status", "--porcelain", "--", ".") else log
    try:
        # As `make wheel` numbers it.
        return version("digitrec").partition("+g")[2] or None
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", "-C", folder.resolve(), *arguments], capture_output=True, text=True)
    except OSError:
        # There is no git, or no such folder.
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
