"""Images a second in training MNISTNet (batch 32, Adam), five ways side by side.

Reads   params.yaml; MNIST as stage `download` finds it
Writes  benchmarks/results/training_speed.json

Usage: python benchmarks/training_speed.py [--images 12800] [--repeats 5]
Every time is that of one whole epoch without validation, from a new network on. The ways take turns, so that what else
the machine does meets all of them; a ratio is the median of the ratios within each turn.
"""

import argparse
import gzip
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from originals import fetcher
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import Subset
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from digitrec.config.params import load_params
from digitrec.data.downloads import RemoteFile
from digitrec.data.sources.mnist import MIRRORS, SHA256_OF_CONTENT, SPEC
from digitrec.models import mnistnet
from digitrec.pipeline.files import write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.spec import Normalization, Recipe, TrainingSpec
from digitrec.training.classifier import build_classifier
from digitrec.transforms import normalization as pixel_normalization
from digitrec.transforms.pixels import to_pixels

BATCH_SIZE, LR = 32, 0.001
MEAN, STD = 0.1307, 0.3081
IMAGE = SPEC.image
WAYS = {
    "published": "skorch over torchvision.datasets.MNIST with transforms, as published",
    "array": "skorch over a float array in memory",
    "loop": "plain PyTorch loop over tensors, channels_last, fused Adam",
    "digitrec": "digitrec, without augmentation",
    "digitrec_modern": "digitrec, recipe modern, with augmentation",
}


def torchvision_mnist(root: Path, folder: Path) -> MNIST:
    """Lay the four files out as torchvision wants them, and open its dataset."""
    fetch = fetcher(root)
    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    for name, digest in SHA256_OF_CONTENT.items():
        content = gzip.decompress(fetch(RemoteFile(name, MIRRORS, digest)).read_bytes())
        (raw / name.removesuffix(".gz")).write_bytes(content)
    return MNIST(folder, train=True, transform=Compose([ToTensor(), Normalize(MEAN, STD)]))


def ways(dataset: MNIST, modern: Recipe) -> dict[str, Callable[[int], object]]:
    """Make a function a way: it trains a new network for one epoch on the first n images."""
    images, labels = dataset.data.numpy()[..., None], dataset.targets.numpy()
    normalization = Normalization(mean=MEAN, std=STD)
    tensors = pixel_normalization.Normalize(normalization)(to_pixels(images))
    plain = Recipe(loss_input="logits", schedule="constant", valid_fraction=0.1, rotation=0, scale=0, shift=0)

    def published() -> NeuralNetClassifier:
        return NeuralNetClassifier(
            lambda: mnistnet.build(IMAGE),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=LR,
            batch_size=BATCH_SIZE,
            max_epochs=1,
            # No validation: what is measured is training. Batches, callbacks and history are as skorch has them.
            train_split=None,
            verbose=0,
        )

    def loop(n: int) -> nn.Module:
        network = mnistnet.build(IMAGE).to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(network.parameters(), LR, fused=True)
        criterion = nn.CrossEntropyLoss()
        for rows in torch.randperm(n).split(BATCH_SIZE):
            optimizer.zero_grad()
            criterion(network(tensors[rows]), dataset.targets[rows]).backward()
            optimizer.step()
        return network

    def ours(recipe: Recipe) -> Callable[[int], object]:
        def train(n: int) -> object:
            training = TrainingSpec(
                model="mnistnet",
                lr=LR,
                max_epochs=1,
                batch_size=BATCH_SIZE,
                optimizer="adam",
                recipe=recipe,
                normalization=normalization,
                seed=0,
            )
            return build_classifier(training, IMAGE, images=images, verbose=0).fit(np.arange(n), labels[:n])

        return train

    return {
        "published": lambda n: published().fit(Subset(dataset, range(n)), None),
        "array": lambda n: published().fit(tensors[:n].numpy(), labels[:n]),
        "loop": loop,
        "digitrec": ours(plain),
        "digitrec_modern": ours(modern),
    }


def measure(trained: dict[str, Callable[[int], object]], n_images: int, repeats: int) -> dict[str, list[float]]:
    """Time all ways in turn: images a second, by way and repeat."""
    speeds: dict[str, list[float]] = {name: [] for name in trained}
    for repeat in range(repeats + 1):
        # The first turn, a short one, is to warm up.
        n = n_images if repeat else min(n_images, 1280)
        for name, train in trained.items():
            start = time.perf_counter()
            train(n)
            seconds = time.perf_counter() - start
            if repeat:
                speeds[name].append(n / seconds)
    return speeds


def summarize(speeds: dict[str, list[float]]) -> dict[str, dict[str, object]]:
    """Give median and range of each way, and its ratios to the published way and to the plain loop."""

    def ratio(name: str, other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(speeds[name], speeds[other], strict=True)), 3)

    return {
        name: {
            "way": WAYS[name],
            "images_per_second": round(statistics.median(values)),
            "range": [round(min(values)), round(max(values))],
            "ratio_to_published": ratio(name, "published"),
            "ratio_to_plain_loop": ratio(name, "loop"),
        }
        for name, values in speeds.items()
    }


def main(root: Path) -> None:
    """Measure with torch's own number of threads and with one, print, write."""
    parser = argparse.ArgumentParser(description="Training speed, five ways side by side.")
    parser.add_argument("--images", type=int, default=12_800, help="images an epoch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default: %(default)s)")
    options = parser.parse_args()

    machine = describe_machine()
    print(headline(machine))
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        trained = ways(torchvision_mnist(root, Path(folder)), load_params(root / "params.yaml").recipes["modern"])
        for threads in dict.fromkeys((torch.get_num_threads(), 1)):
            torch.set_num_threads(threads)
            rows = summarize(measure(trained, options.images, options.repeats))
            tables.append({"threads": threads, "ways": rows})
            print(f"\n{threads} thread(s); median of {options.repeats} epochs of {options.images:,} images")
            print(f"{'':70}{'images/s':>9}{'range':>16}{'x published':>13}{'x loop':>8}")
            for row in rows.values():
                low, high = row["range"]
                spread = f"{low:,}-{high:,}"
                print(
                    f"{row['way']:70}{row['images_per_second']:>9,}{spread:>16}"
                    f"{row['ratio_to_published']:>13.2f}{row['ratio_to_plain_loop']:>8.2f}"
                )
    settings = {"images": options.images, "repeats": options.repeats, "batch_size": BATCH_SIZE, "optimizer": "adam"}
    write_json(
        root / "benchmarks/results/training_speed.json", {"machine": machine, "settings": settings, "tables": tables}
    )


if __name__ == "__main__":
    run_stage(main)
