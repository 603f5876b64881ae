"""Memory and speed of training on 8.1 million images that are mapped from a file, against MNIST.

Reads   MNIST as stage `download` finds it
Writes  benchmarks/results/memory.json; while it runs, 6.4 GB in the folder for temporary files ($TMPDIR names another)

Usage: python benchmarks/memory.py [--copies 135] [--images 60000] [--repeats 3]
The large set is MNIST's training images 135 times. A training is a process of its own, and the sets take turns. Each
starts an epoch over all of its set, in random order; that of the large set is left after as many images as MNIST has.
Images a second are counted from the first batch on. What comes before it, once an epoch, is timed apart: labels and
the random order. The large file is in the page cache if memory has room for it, because it has just been written.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from originals import load_mnist
from torch import Tensor

from digitrec.data.batches import Batches
from digitrec.data.sources.mnist import SPEC
from digitrec.errors import DigitrecError
from digitrec.pipeline.files import read_array, write_array, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.spec import Normalization, Recipe
from digitrec.training.classifier import ImageClassifier
from digitrec.training.network import build_network

BATCH_SIZE, LR = 32, 0.001
SETS = ("mnist", "large")


class Beginning(Batches):
    """The batches of an epoch, until `n` images have been given out."""

    n: int
    first: float

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for step, batch in enumerate(islice(super().__iter__(), self.n // self.batch_size)):
            if not step:
                self.first = time.perf_counter()
            yield batch


class BeginningClassifier(ImageClassifier):
    """Leaves an epoch after `n_images` images."""

    n_images: int

    def get_iterator(self, dataset: Any, training: bool = False) -> Beginning:
        self.batches_ = Beginning(**vars(super().get_iterator(dataset, training)))
        self.batches_.n = self.n_images
        return self.batches_


def train(folder: Path, n_images: int) -> dict[str, float]:
    """Train MNISTNet on the set in `folder`: images a second, and seconds before the first batch."""
    images, labels = read_array(folder / "images.npy"), read_array(folder / "labels.npy")
    # The first training, a short one, is to warm up: modules that torch imports when they are needed.
    for n_rows in (10 * BATCH_SIZE, len(labels)):
        classifier = BeginningClassifier(
            build_network,
            module__model="mnistnet",
            module__architecture={},
            module__image=SPEC.image,
            module__normalization=Normalization(mean=0.1307, std=0.3081),
            recipe=Recipe(),
            images=images,
            lr=LR,
            max_epochs=1,
            batch_size=BATCH_SIZE,
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            train_split=None,
            verbose=0,
        )
        classifier.n_images = min(n_rows, n_images)
        start = time.perf_counter()
        classifier.fit(np.arange(n_rows), labels[:n_rows])
        end, first = time.perf_counter(), classifier.batches_.first
    return {"images_per_second": n_images // BATCH_SIZE * BATCH_SIZE / (end - first), "first_batch": first - start}


def anonymous_megabytes(process: int) -> float | None:
    """Give the resident memory that no file backs; nothing once the process has ended.

    Not the whole resident memory, nor what the process alone has mapped (USS): both count the pages of the mapped
    images that were touched, which the kernel takes back whenever memory is wanted.
    """
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return found and int(found[1]) * 1024 / 1e6


def measure(folder: Path, n_images: int) -> dict[str, float]:
    """Train in a new process and watch its memory from outside, where nothing in it can hold up the watch."""
    command = [sys.executable, __file__, "--folder", str(folder), "--images", str(n_images)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, anonymous_megabytes(child.pid) or 0.0)
            time.sleep(0.01)
        if child.returncode:
            raise DigitrecError(f"training on {folder} ended with exit status {child.returncode}: see above.")
        return json.loads(child.stdout.read()) | {"peak_megabytes": peak}


def write_sets(root: Path, folder: Path, copies: int) -> int:
    """Write MNIST and the large set as the stages have theirs; give the size of the large file of images."""
    mnist = load_mnist(root)
    size, free = copies * mnist.train_images.nbytes, shutil.disk_usage(folder).free
    if free < size + mnist.train_images.nbytes + 1e9:
        raise DigitrecError(
            f"{folder} has {free / 1e9:.1f} GB free, expected {size / 1e9 + 1:.1f}: "
            "make room, set TMPDIR to another folder, or ask for fewer --copies."
        )
    for name in SETS:
        repeated = copies if name == "large" else 1
        write_array(folder / name / "labels.npy", np.tile(mnist.train_labels, repeated))
        shape = (repeated, *mnist.train_images.shape)
        # A copy at a time: the whole need not fit in memory.
        path = folder / name / "images.npy"
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (shape[0] * shape[1], *shape[2:]))
        for part in images.reshape(shape):
            part[:] = mnist.train_images
        images.flush()
    return size


def summarize(turns: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Give medians and ranges of both sets, and how they compare."""
    rows = {}
    for name in SETS:
        speeds = [turn[name]["images_per_second"] for turn in turns]
        rows[name] = {
            "peak_megabytes": round(max(turn[name]["peak_megabytes"] for turn in turns), 1),
            "images_per_second": round(statistics.median(speeds)),
            "range": [round(min(speeds)), round(max(speeds))],
            "seconds_before_first_batch": round(statistics.median(turn[name]["first_batch"] for turn in turns), 2),
        }
    ratios = (turn["large"]["images_per_second"] / turn["mnist"]["images_per_second"] for turn in turns)
    return {
        "sets": rows,
        "megabytes_above_mnist": round(rows["large"]["peak_megabytes"] - rows["mnist"]["peak_megabytes"], 1),
        "speed_ratio_to_mnist": round(statistics.median(ratios), 3),
    }


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Memory and speed of training on a large mapped set.")
    parser.add_argument("--copies", type=int, default=135, help="of MNIST in the large set (default: %(default)s)")
    parser.add_argument("--images", type=int, default=60_000, help="to train on (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="turns (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(train(options.folder, options.images)))
        return

    machine = describe_machine()
    print(headline(machine))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = write_sets(root, folder, options.copies)
        turns = [{name: measure(folder / name, options.images) for name in SETS} for _ in range(options.repeats)]
    result = summarize(turns)
    print(f"\n{'':8}{'peak MB':>9}{'images/s':>10}{'range':>16}{'s before first batch':>22}   {options.repeats} turns")
    for name, row in result["sets"].items():
        spread = "{:,}-{:,}".format(*row["range"])
        print(
            f"{name:8}{row['peak_megabytes']:>9.1f}{row['images_per_second']:>10,}{spread:>16}"
            f"{row['seconds_before_first_batch']:>22.2f}"
        )
    print(
        f"{60_000 * options.copies:,} images, {size / 1e9:.2f} GB: {result['megabytes_above_mnist']:.0f} MB above "
        f"MNIST, {result['speed_ratio_to_mnist']:.3f} times its images a second"
    )
    settings = {
        "images_in_large": 60_000 * options.copies,
        "images_trained": options.images,
        "repeats": options.repeats,
        "batch_size": BATCH_SIZE,
        "threads": torch.get_num_threads(),
    }
    write_json(root / "benchmarks/results/memory.json", {"machine": machine, "settings": settings, **result})


if __name__ == "__main__":
    run_stage(main)
