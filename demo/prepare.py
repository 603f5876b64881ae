"""Copy the pipeline into a folder and change some of its parameters, so that it runs there and nothing here changes.

Usage: python demo/prepare.py FOLDER OVERRIDES.yaml ...
Where the overrides have a section `reproduction`, that pipeline is copied too and its parameters changed by it.
What the folder has computed before is kept: DVC reruns only what changed.
"""

import os
import shutil
import subprocess
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


def write_params(name: str, folder: Path, changes: dict) -> None:
    """Copy a file of parameters, changed."""
    params = merge(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), changes)
    (folder / name).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def prepare(folder: Path, overrides: list[Path]) -> None:
    """Lay the pipeline out in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "stages"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "dvc.yaml", folder)
    # DVC wants a folder of one's own pictures, also where the dataset is another.
    (folder / "data/own").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/own/README.md", folder / "data/own")
    changes: dict = {"folder": {"path": "data/own"}}
    for path in overrides:
        changes = merge(changes, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    if "reproduction" in changes:
        (folder / "reproduction").mkdir(exist_ok=True)
        for name in ("dvc.yaml", "claims.yaml"):
            shutil.copy(ROOT / "reproduction" / name, folder / "reproduction")
        write_params("reproduction/params.yaml", folder, changes.pop("reproduction"))
    write_params("params.yaml", folder, changes)
    if not (folder / ".dvc").exists():
        # Before there is a configuration that says no, DVC would report its own use.
        environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
        subprocess.run(["dvc", "init", "--quiet", "--no-scm"], cwd=folder, env=environment, check=True)
        config = (ROOT / ".dvc/config").read_text()
        (folder / ".dvc/config").write_text(config + "    no_scm = true\n")
        shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
