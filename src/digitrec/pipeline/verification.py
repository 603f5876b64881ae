"""Results read anew, bit by bit: DVC itself goes by the sizes and times of files that it has hashed before."""

import hashlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid

from digitrec.errors import ArtifactError
from digitrec.pipeline.progress import progress_bar


def check_lock(root: Path) -> dict[str, dict]:
    """Read what dvc.lock says of each stage.

    Parameters
    ----------
    root : Path
        The project's folder.

    Returns
    -------
    dict
        By stage; empty without a dvc.lock.

    Raises
    ------
    ArtifactError
        When it is damaged: DVC writes it over itself, so that a kill can cut it short.
    """
    path = root / "dvc.lock"
    if not path.exists():
        return {}
    try:
        return COMPILED_LOCKFILE_SCHEMA(yaml.load(path.read_bytes(), yaml.CSafeLoader)).get("stages", {})
    except (yaml.YAMLError, UnicodeDecodeError, Invalid, AttributeError) as error:
        raise ArtifactError(
            f"{path} is damaged ({' '.join(str(error).split())}), as where DVC was killed while it wrote there. "
            f"`rm {shlex.quote(str(path))}` and `dvc repro`: what was computed comes from DVC's cache."
        ) from error


def check_results(root: Path) -> int:
    """Compare the files that stages wrote, and what DVC's cache holds of them, with dvc.lock.

    Parameters
    ----------
    root : Path
        The project's folder.

    Returns
    -------
    int
        How many files were compared. What is not there is no mistake: `dvc repro` makes it.

    Raises
    ------
    ArtifactError
        When files differ, all of which are named, or dvc.lock is damaged.
    """
    lock = check_lock(root)
    with Repo(str(root)) as repo:
        cache = Path(repo.cache.local.path)
    wanted = {path: md5 for path, md5 in _recorded(root, cache, lock) if path.is_file()}
    sizes = {path: path.stat().st_size for path in wanted}
    wrong = []
    with progress_bar(sum(sizes.values()), "results", unit="B", unit_scale=True, delay=5) as bar:
        for path, md5 in wanted.items():
            if _md5(path) != md5:
                wrong.append(path)
            bar.update(sizes[path])
    if wrong:
        names = [str(path.relative_to(root) if path.is_relative_to(root) else path) for path in sorted(wrong)]
        raise ArtifactError(
            f"{len(wrong)} of {len(wanted)} files are not what dvc.lock says; a disk or a program has changed them. "
            f"`rm -f {shlex.join(names)}` and `dvc repro` to have them anew."
        )
    return len(wanted)


def _recorded(root: Path, cache: Path, lock: dict[str, dict]) -> Iterator[tuple[Path, str]]:
    """Give paths of results and of their copies in the cache, with the MD5 that each is to have."""
    for stage in lock.values():
        for out in stage.get("outs", []):
            path, md5 = root / out["path"], out.get("md5")
            if md5 is None or out.get("hash") != "md5":
                continue
            copy = cache / md5[:2] / md5[2:]
            if not md5.endswith(".dir"):
                yield from ((path, md5), (copy, md5))
                continue
            # A folder: what the cache holds of it is a list of its files.
            md5 = md5.removesuffix(".dir")
            yield copy, md5
            if copy.exists() and _md5(copy) == md5:
                for each in json.loads(copy.read_bytes()):
                    inside = each["md5"]
                    yield from ((path / each["relpath"], inside), (cache / inside[:2] / inside[2:], inside))


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
