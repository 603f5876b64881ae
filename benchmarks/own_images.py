"""The pipeline on folders of pictures: test accuracy over seeds, and what the whole of it takes.

Reads   params.yaml, dvc.yaml, stages/, src/; ARCHIVES/NAME.zip; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  benchmarks/results/own_images.json

Usage: python benchmarks/own_images.py ARCHIVES [--sets sign-language-digits omniglot-small1] [--seeds 0 1 2]
                                       [--folder FOLDER]
ARCHIVES holds sign-language-digits.zip (github.com/ardamavi/Sign-Language-Digits-Dataset) and omniglot-small1.zip
(github.com/brendenlake/omniglot, images_background_small1), a folder of pictures each. `dvc repro` runs in a copy of
the project with an empty cache, of the first seed whole and timed, of the others up to stage `evaluate`; in FOLDER/NAME
it is kept. Sets that are not asked for stay in the results as they were.
"""

import argparse
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pipeline import lay_out, reproduce

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_json, write_json
from digitrec.pipeline.machine import describe_device, describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.measures import mean_interval

# What is changed in params.yaml.
SETS: dict[str, dict[str, Any]] = {
    "sign-language-digits": {"model": "fast", "recipe": "photographs", "max_epochs": 40},
    "omniglot-small1": {
        "model": "fast",
        "recipe": "drawings",
        "max_epochs": 60,
        "folder": {"height": 32, "width": 32},
    },
}


def run(root: Path, archive: Path, folder: Path, changes: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Run the pipeline on an archive's pictures with each seed, in a folder; give the scores and the seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    project, overrides = folder / "project", folder / "params.yaml"
    scores, times = {}, {}
    with zipfile.ZipFile(archive) as content:
        (top,) = {name.split("/")[0] for name in content.namelist()}
        content.extractall(folder)
    for seed in seeds:
        # Of another choice of test pictures, too.
        pictures = changes.get("folder", {}) | {"path": str(folder / top), "seed": seed}
        own = changes | {"dataset": "folder", "folder": pictures, "seed": seed}
        overrides.write_text(yaml.safe_dump(own), encoding="utf-8")
        lay_out(root, project, overrides)
        start = time.perf_counter()
        reproduce(project, *([] if seed == seeds[0] else ["evaluate"]))
        times[seed] = time.perf_counter() - start
        scores[seed] = read_json(project / "metrics/evaluate.json")
        print(f"{archive.stem}, seed {seed}: {scores[seed]['accuracy']:.4f}, {times[seed]:.0f} s", flush=True)
    first, accuracies = scores[seeds[0]], [one["accuracy"] for one in scores.values()]
    return {
        "settings": changes,
        "seeds": seeds,
        "accuracies": accuracies,
        "mean": float(np.mean(accuracies)),
        "mean_ci95": mean_interval(accuracies),
        "errors": [one["errors"] for one in scores.values()],
        "n": first["n"],
        "accuracy_ci95": first["accuracy_ci95"],
        "seconds_whole": round(times[seeds[0]], 1),
    }


def main(root: Path) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description="The pipeline on folders of pictures.")
    parser.add_argument("archives", type=Path, help="the folder with the archives")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="two or more (default: 0 to 2)")
    parser.add_argument("--folder", type=Path, help="where it runs; kept (default: a temporary one)")
    options = parser.parse_args()
    if len(set(options.seeds)) < 2:
        parser.error("an interval takes two or more different seeds")
    device = device_from_environment()
    machine = describe_machine() | {"device": describe_device(device), "jobs": jobs_from_environment()}
    print(headline(machine), machine["device"], sep=", ", flush=True)
    path = root / "benchmarks/results/own_images.json"
    rows = read_json(path) if path.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.sets:
            archive, folder = options.archives / f"{name}.zip", (options.folder or Path(temporary)).resolve() / name
            if not archive.exists():
                raise DigitrecError(f"{archive}: not found; the usage above says where it comes from.")
            rows[name] = run(root, archive, folder, SETS[name], options.seeds) | {"machine": machine}
            write_json(path, rows)
            low, high = rows[name]["mean_ci95"]
            print(f"{name}: {100 * rows[name]['mean']:.2f} % ({100 * low:.2f} to {100 * high:.2f})", flush=True)


if __name__ == "__main__":
    run_stage(main)
