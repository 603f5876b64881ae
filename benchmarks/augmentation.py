"""What augmentation costs: Shah's three transforms, batched here and image by image in torchvision.

Reads   reproduction/params.yaml, data/dataset.json, data/train
Writes  benchmarks/results/augmentation.json

Usage: python benchmarks/augmentation.py [--repeats 7]
One thread. The three take turns; a ratio is the median of the ratios within each turn. The training step is that of the
network of Shah's report: a batch of 64, forward, backward, Adam.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.transforms import Compose, RandomAffine, RandomResizedCrop, RandomRotation

from digitrec.data.dataset import read_dataset_spec
from digitrec.models import shah
from digitrec.pipeline.files import read_array, write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.systems import System, load_systems
from digitrec.spec import ImageSpec
from digitrec.transforms.augmentation import augmentation_of
from digitrec.transforms.pixels import to_pixels

# As many as digitrec changes at once.
N_IMAGES = 2048


def seconds_an_image(work: object, n: int) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / n


def training_step(system: System, image: ImageSpec, images: Tensor, labels: Tensor) -> object:
    """Make a function that takes one step on the batch."""
    network = shah.build(image).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), system.lr, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return step


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="The cost of augmentation.")
    parser.add_argument("--repeats", type=int, default=7, help="turns (default: %(default)s)")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    system = load_systems(root / "reproduction/params.yaml").systems["shah"]
    image = read_dataset_spec(root / "data/dataset.json").image
    images = to_pixels(torch.tensor(read_array(root / "data/train/images.npy")[:N_IMAGES]))
    labels = torch.from_numpy(read_array(root / "data/train/labels.npy")[: system.batch_size].astype("int64"))
    batched, generator = augmentation_of(system.recipe), torch.Generator().manual_seed(0)
    one_by_one = Compose(
        [
            RandomRotation(system.recipe.rotation),
            RandomResizedCrop(28, system.recipe.crop_area, system.recipe.crop_ratio, antialias=True),
            RandomAffine(0, (system.recipe.shift / 28,) * 2),
        ]
    )
    step, n = training_step(system, image, images[: system.batch_size], labels), 256
    works = {
        "digitrec": (lambda: batched(images, generator), N_IMAGES),
        "torchvision": (lambda: [one_by_one(image) for image in images[:n]], n),
        "training_step": (lambda: [step() for _ in range(8)], 8 * system.batch_size),
    }
    times = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, (work, count) in works.items():
            taken = seconds_an_image(work, count)
            # The first turn is to warm up.
            if repeat:
                times[name].append(taken)
    machine = describe_machine()
    result = {
        "machine": machine,
        "repeats": repeats,
        "microseconds_an_image": {name: round(1e6 * statistics.median(values), 1) for name, values in times.items()},
        "share_of_training_step": round(
            statistics.median(a / b for a, b in zip(times["digitrec"], times["training_step"], strict=True)), 4
        ),
        "times_torchvision": round(
            statistics.median(a / b for a, b in zip(times["torchvision"], times["digitrec"], strict=True)), 1
        ),
    }
    print(headline(machine), "one thread", sep=", ")
    for name, value in result["microseconds_an_image"].items():
        print(f"{name:15}{value:>8,.1f} microseconds an image")
    print(
        f"augmentation takes {100 * result['share_of_training_step']:.1f} % of a training step's time; "
        f"torchvision takes {result['times_torchvision']:.0f} times as long"
    )
    write_json(root / "benchmarks/results/augmentation.json", result)


if __name__ == "__main__":
    run_stage(main)
