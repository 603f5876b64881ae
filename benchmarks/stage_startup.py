"""Seconds and memory until a stage's work starts: what it imports. And `dvc repro` with nothing to do.

Reads   params.yaml, dvc.yaml, stages/
Writes  benchmarks/results/stage_startup.json

Usage: python benchmarks/stage_startup.py [--repeats 5]
A process a measurement: seconds from its start until all is imported, and the memory that it had by then at most.
Stages take turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import yaml

from digitrec.config.params import Params, load_params
from digitrec.pipeline.files import write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage

# Imports the script and the modules that it looks up by name, then says when it was done and its peak memory in KiB.
CHILD = """
import importlib, resource, sys, time
for name in sys.argv[1:]:
    importlib.import_module(name)
print(time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def modules_by_stage(root: Path, params: Params) -> dict[str, list[str]]:
    """Name what each stage imports before it works: its script, and what `params.yaml` chooses for it."""
    model = f"digitrec.models.{params.model}"
    of_model = ("gridsearch", "train_final", "evaluate", "calibrate", "train_reader", "export", "robustness")
    chosen = {
        "download": [f"digitrec.data.sources.{params.dataset}"],
        **{stage: [model] for stage in of_model},
        "fit_baseline": [f"digitrec.baselines.{name}" for name in params.baselines],
    }
    found = {}
    for stage in yaml.safe_load((root / "dvc.yaml").read_text())["stages"]:
        script = stage.replace("-", "_")
        found[stage] = [script, *chosen.get(script, [])]
    return found


def start(root: Path, modules: list[str]) -> tuple[float, float]:
    """Import in a new process: seconds, and memory in MB."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root / "stages")])}
    begin = time.time()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *modules], env=environment, check=True, capture_output=True, text=True
    )
    end, kibibytes = child.stdout.split()[-2:]
    return float(end) - begin, int(kibibytes) * 1024 / 1e6


def idle_repro(root: Path, repeats: int) -> float | str:
    """Time `dvc repro` with nothing to do, in seconds; where there is something to do, say so."""
    dvc = str(Path(sys.executable).with_name("dvc"))
    status = subprocess.run([dvc, "status", "--json"], cwd=root, capture_output=True, text=True)
    if status.returncode or json.loads(status.stdout):
        return "not measured: `dvc status` is not clean"
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run([dvc, "repro"], cwd=root, check=True, capture_output=True)
        seconds.append(time.perf_counter() - begin)
    return round(statistics.median(seconds), 2)


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Seconds and memory until a stage's work starts.")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default: %(default)s)")
    repeats = parser.parse_args().repeats

    machine = describe_machine()
    print(headline(machine))
    stages = modules_by_stage(root, load_params(root / "params.yaml"))
    # The first turn only brings the files into memory.
    turns = [{stage: start(root, modules) for stage, modules in stages.items()} for _ in range(repeats + 1)][1:]
    rows = {}
    print(f"{'':34}{'seconds':>9}{'range':>14}{'peak MB':>9}   median of {repeats}")
    for stage in stages:
        seconds = [turn[stage][0] for turn in turns]
        megabytes = statistics.median(turn[stage][1] for turn in turns)
        rows[stage] = {
            "seconds": round(statistics.median(seconds), 2),
            "range": [round(min(seconds), 2), round(max(seconds), 2)],
            "peak_megabytes": round(megabytes),
        }
        spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
        print(f"{stage:34}{rows[stage]['seconds']:>9.2f}{spread:>14}{megabytes:>9.0f}")
    repro = idle_repro(root, repeats)
    print(f"\n`dvc repro` with nothing to do: {repro}{' s' if isinstance(repro, float) else ''}")
    result = {"machine": machine, "repeats": repeats, "stages": rows, "idle_dvc_repro_seconds": repro}
    write_json(root / "benchmarks/results/stage_startup.json", result)


if __name__ == "__main__":
    run_stage(main)
