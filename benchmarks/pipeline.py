"""Seconds of the whole pipeline from nothing, stage by stage, and what its network reads of the test images.

Reads   params.yaml, dvc.yaml, stages/, src/; images as stage `download` finds them; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  benchmarks/results/pipeline.json

Usage: python benchmarks/pipeline.py [--folder FOLDER]
`dvc repro` runs in a copy with an empty cache: a temporary one, or FOLDER, which is kept.
The results keep a row for the CPU and one for a GPU; the row of what is not used stays as it was.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_json, write_json
from digitrec.pipeline.machine import describe_device, describe_machine, headline
from digitrec.pipeline.stage import run_stage

ROWS = ("cpu", "gpu")
STARTED = re.compile(r"Running stage '(.+)':")


def lay_out(root: Path, folder: Path, *overrides: Path) -> None:
    """Copy the pipeline into a folder, with some of its parameters changed.

    Raises
    ------
    DigitrecError
        When it cannot be, or the folder is no folder of an earlier run.
    """
    if subprocess.run([sys.executable, root / "demo/prepare.py", folder, *overrides]).returncode:
        raise DigitrecError(f"--folder: got {folder}, expected an empty folder; the line above says what is wrong.")


def reproduce(folder: Path, *targets: str) -> dict[str, float]:
    """Run `dvc repro`; the seconds of each stage, DVC's own work on it among them, in the order of the run.

    Raises
    ------
    DigitrecError
        When a stage failed.
    """
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    started: dict[str, float] = {}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := STARTED.match(line):
                started[found[1]] = time.perf_counter()
    if process.returncode:
        raise DigitrecError(f"dvc repro in {folder} ended with {process.returncode}; its own lines above say why.")
    ends = [*started.values(), time.perf_counter()][1:]
    return {stage: round(end - start, 1) for (stage, start), end in zip(started.items(), ends, strict=True)}


def main(root: Path) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description="Seconds of the whole pipeline from nothing.")
    parser.add_argument("--folder", type=Path, help="where it runs, an empty one; kept (default: a temporary one)")
    given = parser.parse_args().folder
    device = device_from_environment()
    machine = describe_machine() | {"device": describe_device(device), "jobs": jobs_from_environment()}
    print(headline(machine), machine["device"], sep=", ", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.resolve() if given else Path(temporary, "pipeline")
        lay_out(root, folder)
        start = time.perf_counter()
        stages = reproduce(folder)
        seconds = round(time.perf_counter() - start, 1)
        scores = read_json(folder / "metrics/evaluate.json")
        summary = read_json(folder / "metrics/gridsearch.json")
    row = {
        "machine": machine,
        "seconds": seconds,
        "stages": stages,
        "engine": summary["engine"],
        "best_params": summary["best_params"],
        "test": {key: scores[key] for key in ("accuracy", "accuracy_ci95", "errors", "n")},
    }
    path, used = root / "benchmarks/results/pipeline.json", ROWS[device != "cpu"]
    rows = dict.fromkeys(ROWS, "not measured") | (read_json(path) if path.exists() else {})
    write_json(path, rows | {used: row})
    longest = sorted(stages, key=stages.__getitem__, reverse=True)[:5]
    print(f"{used}: {seconds:.0f} s; longest: " + ", ".join(f"{stage} {stages[stage]:.0f} s" for stage in longest))


if __name__ == "__main__":
    run_stage(main)
