"""Pictures a second that `digitrec predict --out` and `read --out` answer, and what is lost where something is killed.

Reads   data/train, data/test, data/export (or the pretrained model)
Writes  benchmarks/results/many.json

Usage: python benchmarks/many.py [--digits 20000] [--pages 290]
1. Test images as 28x28 PNGs, and pages composed of training images, as many of each kind, by one process and by two:
   each a command of its own, so that its start counts. Besides the seconds that passed, those that its processes
   computed, which change less with what else the machine does; and memory that no file backs.
2. The command killed in the middle, then given again; and on two Dask workers, one of which is killed.
"""

import argparse
import csv
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from dispatch import cluster
from processes import DIGITREC, own_megabytes, png

from digitrec.data.dataset import read_part
from digitrec.errors import DigitrecError
from digitrec.evaluation.pages import saved
from digitrec.pipeline.files import read_array, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.reading.pages import compose

# As stage `read-pages` has them.
FIRST_SEED = 10_005
# Pictures; of pages fewer than usual, because there are few.
IN_A_PART = {"predict": 1000, "read": 5}


def write_digits(root: Path, folder: Path, n: int) -> None:
    """Write PNGs of test images, a thousand in a folder."""
    images = read_array(root / "data/test/images.npy")
    contents = [png(image) for image in images]
    for number in range(n):
        path = folder / f"{number // 1000:03}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[number % len(contents)])


def write_pages(root: Path, folder: Path, n: int) -> None:
    """Compose pages."""
    images, labels = read_part(root / "data/train")
    folder.mkdir()
    for number in range(n):
        (folder / f"{number:04}.png").write_bytes(saved(compose(images[..., 0], labels, FIRST_SEED + number)))


def start(command: str, folder: Path, out: Path, **environment: str) -> subprocess.Popen:
    """Start the command on a folder."""
    return subprocess.Popen(
        [*DIGITREC, command, str(folder), "--out", str(out), "--part", str(IN_A_PART[command])],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )


def measure(command: str, folder: Path, out: Path, workers: int) -> dict[str, Any]:
    """Answer a folder and watch the processes that do."""
    begin, peak, computed = time.perf_counter(), 0.0, {}
    with start(command, folder, out, DIGITREC_JOBS=str(workers)) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                family = [process, *process.children(recursive=True)]
                computed |= {each.pid: sum(each.cpu_times()[:2]) for each in family}
                peak = max(peak, own_megabytes(family))
            except psutil.NoSuchProcess:
                # One of them ended between being listed and being looked at.
                continue
            time.sleep(0.1)
    seconds, pictures = time.perf_counter() - begin, len(answered(out))
    return {
        "workers": workers,
        "pictures": pictures,
        "seconds": round(seconds, 1),
        "per_second": round(pictures / seconds, 1),
        "per_computed_second": round(pictures / sum(computed.values()), 1),
        "peak_megabytes": round(peak),
    }


def answered(out: Path) -> Mapping[str, int]:
    """Count the rows of each picture."""
    count: Counter[str] = Counter()
    for part in out.glob("part-*.csv"):
        with open(part, newline="", encoding="utf-8") as file:
            count.update(row["file"] for row in csv.DictReader(file))
    return count


def wait_for_parts(out: Path, n: int, process: subprocess.Popen) -> int:
    """Wait until so many parts are there; give how many there are."""
    while (found := len(list(out.glob("part-*.csv")))) < n:
        if process.poll() is not None:
            raise DigitrecError(f"the command ended with {found} parts in {out}, expected {n}")
        time.sleep(0.02)
    return found


def outcome(out: Path, folder: Path, parts: int) -> dict[str, Any]:
    """Say whether each picture was answered, and once."""
    count, pictures = answered(out), sum(1 for path in folder.rglob("*.png"))
    return {"parts_before": parts, "pictures": pictures, "answered": len(count), "rows": sum(count.values())}


def killed_command(folder: Path, out: Path, parts: int) -> dict[str, Any]:
    """Kill the command in the middle, and give it again."""
    with start("predict", folder, out, DIGITREC_JOBS="2") as process:
        done = wait_for_parts(out, parts, process)
        process.kill()
    start("predict", folder, out, DIGITREC_JOBS="2").wait()
    return outcome(out, folder, done)


def killed_worker(folder: Path, out: Path, parts: int, scratch: Path) -> dict[str, Any]:
    """Kill one of two Dask workers in the middle."""
    with cluster(2, scratch) as address, start("predict", folder, out, DIGITREC_SCHEDULER=address) as process:
        done = wait_for_parts(out, parts, process)
        children = psutil.Process().children()
        next(child for child in children if "worker" in child.cmdline()).kill()
        process.wait()
    return outcome(out, folder, done)


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Many pictures answered in parts.")
    parser.add_argument("--digits", type=int, default=20_000, help="pictures of one digit (default: %(default)s)")
    parser.add_argument("--pages", type=int, default=290, help="pages (default: %(default)s)")
    options = parser.parse_args()
    machine, load = describe_machine(), round(os.getloadavg()[0], 1)
    print(f"{headline(machine)}; before the start, {load} processes wanted a core")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_digits(root, folder / "few", options.digits // 10)
        write_digits(root, folder / "digits", options.digits)
        write_pages(root, folder / "pages", options.pages)
        speeds: dict[str, list] = {"few": [], "digits": [], "pages": []}
        for what, workers in (("few", 2), ("digits", 1), ("digits", 2), ("pages", 1), ("pages", 2)):
            command = "read" if what == "pages" else "predict"
            speeds[what].append(measure(command, folder / what, folder / f"{what} by {workers}", workers))
            print(f"{what}: {speeds[what][-1]}", flush=True)
        parts = max(1, options.digits // IN_A_PART["predict"] * 2 // 5)
        killed = {
            "command": killed_command(folder / "digits", folder / "killed", parts),
            "worker": killed_worker(folder / "digits", folder / "cluster", parts, folder),
        }
        print(killed)
    settings = {"digits": options.digits, "pages": options.pages, "in_a_part": IN_A_PART}
    result = {"machine": machine, "load_before": load, "settings": settings, "speeds": speeds, "killed": killed}
    write_json(root / "benchmarks/results/many.json", result)


if __name__ == "__main__":
    run_stage(main)
