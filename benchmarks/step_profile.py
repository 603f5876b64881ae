"""Where the time of a training step goes: MNISTNet, batch 32, Adam, one thread, recipes `modern` and none.

Reads   params.yaml; MNIST as stage `download` finds it
Writes  benchmarks/results/step_profile.json

Usage: python benchmarks/step_profile.py [--images 12800]
Shares of the time of an epoch by torch's profiler: what each kind of operation takes itself, without what it calls, and
what is left to Python and to the dispatch between operations.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from training_speed import torchvision_mnist, ways

from digitrec.config.params import load_params
from digitrec.pipeline.files import write_json
from digitrec.pipeline.machine import describe_machine, headline
from digitrec.pipeline.stage import run_stage

# Kinds of operations, by parts of their names; the first that fits counts.
KINDS = {
    "preparing images": ("grid", "index", "affine", "rand", "bmm", "addcmul", "_to_copy", "copy_"),
    "convolutions": ("convolution",),
    "pooling": ("max_pool2d",),
    "linear layers": ("mm", "linear"),
    "optimizer": ("adam", "Optimizer"),
    "loss": ("softmax", "nll", "cross_entropy"),
    "activation and dropout": ("relu", "threshold", "dropout", "bernoulli", "div_", "mul"),
}
REST, PYTHON = "other operations", "Python and dispatch"


def kind_of(name: str) -> str:
    """Tell what kind an operation is of."""
    return next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), REST)


def main(root: Path) -> None:
    """Profile an epoch of each, print, write."""
    parser = argparse.ArgumentParser(description="Where the time of a training step goes.")
    parser.add_argument("--images", type=int, default=12_800, help="images an epoch (default: %(default)s)")
    n = parser.parse_args().images
    torch.set_num_threads(1)
    machine = describe_machine()
    print(headline(machine))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        trained = ways(torchvision_mnist(root, Path(folder)), load_params(root / "params.yaml").recipes["modern"])
        for way in ("digitrec", "digitrec_modern"):
            train = trained[way]
            train(1280)
            start = time.perf_counter()
            train(n)
            plain = time.perf_counter() - start
            with profile(activities=[ProfilerActivity.CPU]) as found:
                train(n)
            seconds = dict.fromkeys((*KINDS, REST), 0.0)
            for event in found.key_averages():
                seconds[kind_of(event.key)] += event.self_cpu_time_total / 1e6
            # The profiler slows Python down, hardly what is computed.
            seconds[PYTHON] = max(0.0, plain - sum(seconds.values()))
            rows[way] = {"images_per_second": round(n / plain), "seconds": seconds}
            print(f"\n{way}: {n / plain:,.0f} images a second")
            for kind, value in sorted(seconds.items(), key=lambda item: -item[1]):
                print(f"{kind:24}{100 * value / plain:>6.1f} %")
    write_json(root / "benchmarks/results/step_profile.json", {"machine": machine, "images": n, "ways": rows})


if __name__ == "__main__":
    run_stage(main)
