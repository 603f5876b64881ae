"""Copy the pipeline into a folder and change some of its parameters, so that it runs there and nothing here changes.

Usage: python demo/prepare.py FOLDER OVERRIDES.yaml ...
Where the overrides have a section `reproduction`, that pipeline is copied too and its parameters changed by it.
What the folder has computed before is kept: DVC reruns only what changed.
"""

import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def merge(base: dict, changes: dict) -> dict:
    """Lay nested keys over those of `base`."""
    return base | {
        key: merge(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in changes.items()
    }


def read_overrides(path: Path) -> dict:
    """Read what is to be changed; an empty file changes nothing."""
    try:
        changes = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.exit(f"error: {path}: cannot be read ({' '.join(str(error).split())}); expected a YAML file")
    if not isinstance(changes, dict):
        sys.exit(f"error: {path}: got {changes!r}, expected keys of params.yaml with values")
    return changes


def write_params(name: str, folder: Path, changes: dict) -> None:
    """Copy a file of parameters, changed."""
    params = merge(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), changes)
    (folder / name).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def prepare(folder: Path, overrides: list[Path]) -> None:
    """Lay the pipeline out in `folder`."""
    changes: dict = {"folder": {"path": "data/own"}}
    for path in overrides:
        changes = merge(changes, read_overrides(path))
    config = folder / ".dvc/config"
    ours = config.exists() and "no_scm" in config.read_text(encoding="utf-8")
    if folder.exists() and any(folder.iterdir()) and not ours:
        sys.exit(
            f"error: {folder} is no folder of an earlier run, and src and stages there would be replaced; name another"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "stages"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    # DVC wants a folder of one's own pictures, also where the dataset is another.
    (folder / "data/own").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/own/README.md", folder / "data/own")
    if "reproduction" in changes:
        (folder / "reproduction").mkdir(exist_ok=True)
        for name in ("dvc.yaml", "claims.yaml", ".dvcignore"):
            shutil.copy(ROOT / "reproduction" / name, folder / "reproduction")
        shutil.copytree(ROOT / "tests/drawn", folder / "tests/drawn", dirs_exist_ok=True)
        write_params("reproduction/params.yaml", folder, changes.pop("reproduction"))
        make_project(folder / "reproduction")
    write_params("params.yaml", folder, changes)
    make_project(folder)
    if not (folder / ".dvc/plots").exists():
        shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")


def make_project(folder: Path) -> None:
    """Make it a DVC project without git, if it is none yet."""
    if not (folder / ".dvc").exists():
        (folder / ".dvc").mkdir()
        config = (ROOT / ".dvc/config").read_text(encoding="utf-8")
        (folder / ".dvc/config").write_text(config + "    no_scm = true\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        prepare(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}; name a folder that can be written to")
