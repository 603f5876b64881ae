"""Reading a folder of 100,000 JPEGs, and of a tenth of them: pictures a second, and memory.

Reads   nothing: the pictures are pieces of scikit-learn's two photographs, copied on the spot
Writes  benchmarks/results/folder_decoding.json; while it runs, 3 GB in the folder for temporary files ($TMPDIR names
        another)

Usage: python benchmarks/folder_decoding.py [--images 100000] [--side 100]
A folder is read by a process of its own, as stage `download` reads it: sizes and colours from the headers, then all
pictures decoded, checked, brought to 64x64 pixels, split and written. Its memory and that of its workers is watched
from outside; what is counted is memory that no file backs, because mapped pages can be taken back at any time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from processes import own_megabytes

from digitrec.data.dataset import write_dataset
from digitrec.data.sources.folder import load
from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.spec import FolderSpec

CLASSES, ORIGINALS = 10, 1000
FORM = {"height": "auto", "width": "auto", "colour": "auto", "test_share": 0.2, "seed": 0, "skip_damaged": False}


def write_pictures(folder: Path, n: int, side: int) -> None:
    """Write n JPEGs in ten classes, copies of a thousand that differ."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    generator = np.random.default_rng(0)
    contents = []
    for number in range(ORIGINALS):
        photograph = photographs[number % 2]
        top, left = (generator.integers(size - side) for size in photograph.shape[:2])
        path = folder / "original.jpg"
        Image.fromarray(photograph[top : top + side, left : left + side]).save(path, quality=90)
        contents.append(path.read_bytes())
        path.unlink()
    for number in range(n):
        path = folder / str(number % CLASSES) / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents[number % ORIGINALS])


def read(folder: Path) -> float:
    """Read a folder of pictures and write the arrays beside it; give the seconds."""
    start = time.perf_counter()
    spec = FolderSpec.model_validate({"path": str(folder / "pictures"), **FORM})
    write_dataset(folder / "data", load(folder, spec, 2, folder / "scratch"))
    return time.perf_counter() - start


def measure(folder: Path, n: int) -> dict[str, Any]:
    """Read it in a new process and watch the memory of that and of its workers."""
    command = [sys.executable, __file__, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        process, peak = psutil.Process(child.pid), 0.0
        while child.poll() is None:
            try:
                peak = max(peak, own_megabytes([process, *process.children(recursive=True)]))
            except psutil.NoSuchProcess:
                # One of them ended between being listed and being looked at.
                continue
            time.sleep(0.05)
        if child.returncode:
            raise DigitrecError(f"reading {folder} ended with exit status {child.returncode}: see above.")
        seconds = json.loads(child.stdout.read().splitlines()[-1])
    return {
        "images": n,
        "seconds": round(seconds, 1),
        "images_per_second": round(n / seconds),
        "peak_megabytes": round(peak),
    }


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Reading a folder of many JPEGs.")
    parser.add_argument("--images", type=int, default=100_000, help="in the large folder (default: %(default)s)")
    parser.add_argument("--side", type=int, default=100, help="pixels (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(read(options.folder)))
        return

    machine, jobs = describe_machine(), jobs_from_environment()
    print(f"{headline(machine)}; {jobs} processes")
    results = []
    for n in (options.images // 10, options.images):
        with tempfile.TemporaryDirectory() as temporary:
            pictures = Path(temporary) / "pictures"
            pictures.mkdir()
            write_pictures(pictures, n, options.side)
            results.append(measure(Path(temporary), n))
        print(
            "{images:,} images: {seconds} s, {images_per_second:,} a second, {peak_megabytes} MB".format(**results[-1])
        )
    settings = {"side": options.side, "processes": jobs}
    write_json(
        root / "benchmarks/results/folder_decoding.json", {"machine": machine, "settings": settings, "folders": results}
    )


if __name__ == "__main__":
    run_stage(main)
