"""Candidates trained as stacks against one at a time, MNISTNet, on one thread of the CPU or on one GPU.

Reads   params.yaml; MNIST as stage `download` finds it; $DIGITREC_DEVICE
Writes  benchmarks/results/stacked.json

Usage: python benchmarks/stacked.py [--images 4096] [--repeats 3]
Both engines fit the same candidates of one network for an epoch, in turns; a ratio is the median of the ratios within
each turn. On the CPU, seconds are CPU time of one thread. On a GPU also Okon's whole grid, all 384 fits on all images.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from originals import load_mnist
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from torch.utils.flop_counter import FlopCounterMode

from digitrec.config.params import Params, load_params
from digitrec.models import mnistnet
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.files import write_array, write_json
from digitrec.pipeline.machine import describe_device, describe_machine, headline
from digitrec.pipeline.stage import run_stage
from digitrec.search.cells import Cell, Problem
from digitrec.search.run import ENGINES
from digitrec.search.space import candidate_of, parameter_grid
from digitrec.spec import Argument, Hyperparameters, ImageSpec, Normalization

NOT_MEASURED = "not measured"
# On a core, enough to see; on a GPU, what a fold of Okon's grid has of one network and batch size, four times.
CANDIDATES = {"cpu": 8, "cuda": 48}
# One at a time, so few already say how long one takes.
CANDIDATES_ONE_BY_ONE = 2
N_TEST = 500


def candidates(n: int, images: int, batch_size: int, nonlinearity: str) -> list[Cell]:
    """Make candidates of one network: several learning rates, both optimizers, one epoch."""
    network = {"num_units": 10, "out_units": 20, "fout_units": 40, "nonlinearity": nonlinearity}
    rows = np.arange(images + N_TEST)
    return [
        Cell(
            Hyperparameters(
                lr=lr,
                max_epochs=1,
                batch_size=batch_size,
                optimizer="rmsprop" if k % 2 else "adam",
                architecture=network,
            ),
            rows[:images],
            rows[images:],
        )
        for k, lr in enumerate(np.geomspace(1e-4, 1e-3, n).tolist())
    ]


def speed(engine: str, problem: Problem, cells: Sequence[Cell], device: str) -> float:
    """Fit cells; model-images a second."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    for finished in ENGINES[engine].fit_cells(problem, cells, 1, device):
        for _, _, reason in finished:
            if reason:
                raise RuntimeError(reason)
    return sum(cell.work for cell in cells) / (clock() - start)


def both_engines(problem: Problem, images: int, repeats: int, device: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Measure both engines in turns."""
    cells = candidates(CANDIDATES[device], images, **settings)
    turns = {"skorch": cells[:CANDIDATES_ONE_BY_ONE], "stacked": cells}
    speeds: dict[str, list[float]] = {engine: [] for engine in turns}
    for repeat in range(repeats + 1):
        for engine, own in turns.items():
            measured = speed(engine, problem, own, device)
            # The first turn is to warm up.
            if repeat:
                speeds[engine].append(measured)
    ratios = [stacked / skorch for skorch, stacked in zip(speeds["skorch"], speeds["stacked"], strict=True)]
    return {
        **settings,
        "members": len(cells),
        "model_images_per_second": {engine: round(statistics.median(values)) for engine, values in speeds.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
    }


def exhaustive(problem: Problem, params: Params, labels: np.ndarray, device: str) -> dict[str, Any]:
    """Fit all candidates of Okon's grid on all folds."""
    search = params.search.for_model("mnistnet")
    folds = list(StratifiedKFold(search.cv, shuffle=True, random_state=0).split(labels, labels))
    candidates = [candidate_of(values) for values in ParameterGrid(parameter_grid(search))]
    cells = [Cell(candidate, train, test) for candidate in candidates for train, test in folds]
    start = time.perf_counter()
    finished = list(itertools.chain.from_iterable(ENGINES["stacked"].fit_cells(problem, cells, 1, device)))
    seconds = time.perf_counter() - start
    # Fits that differ in epochs alone are one training.
    longest = max(search.space["max_epochs"])
    trained = [cell for cell in cells if cell.candidate.max_epochs == longest]
    flop = sum(flop_an_image(cell.candidate.architecture, problem.image) * cell.work for cell in trained)
    return {
        "fits": len(cells),
        "failed": sum(score is None for _, score, _ in finished),
        "seconds": round(seconds, 1),
        "fits_per_second": round(len(cells) / seconds, 2),
        "share_of_peak": round(flop / seconds / peak(device), 3),
        "peak": "float32 matrix product of 8192 x 8192, measured in the same run",
    }


def flop_an_image(architecture: Mapping[str, Argument], image: ImageSpec) -> float:
    """Count floating-point operations of a training step, forward and backward."""
    network = mnistnet.build(image, **architecture)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(8, *image.input_shape)).sum().backward()
    return counter.get_total_flops() / 8


def peak(device: str) -> float:
    """Measure operations a second of a large matrix product."""
    matrix = torch.randn(8192, 8192, device=device)
    for repeats in (3, 20):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            matrix @ matrix
        torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - start)


def main(root: Path) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Stacks against one at a time.")
    parser.add_argument("--images", type=int, default=4096, help="training images (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="turns (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    params = load_params(root / "params.yaml")
    data = load_mnist(root)
    device = device_from_environment().partition(":")[0]
    machine = describe_machine() | {"device": describe_device(device)}
    print(headline(machine), machine["device"], sep=", ")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        images, labels = Path(folder, "images.npy"), Path(folder, "labels.npy")
        write_array(images, data.train_images)
        write_array(labels, data.train_labels.astype(np.uint8))
        normalization = Normalization(mean=0.1307, std=0.3081)
        problem = Problem(
            images, labels, data.spec.image, "mnistnet", params.recipes["paper"], normalization, params.seed
        )
        for recipe, batch_size, nonlinearity in itertools.product(("paper", "modern"), (32, 64), ("relu", "softmax")):
            own = replace(problem, recipe=params.recipes[recipe])
            settings = {"batch_size": batch_size, "nonlinearity": nonlinearity}
            row = {"recipe": recipe, **both_engines(own, options.images, options.repeats, device, settings)}
            rows.append(row)
            speeds = row["model_images_per_second"]
            print(
                f"{recipe:8}batch {batch_size}  {nonlinearity:8} one at a time {speeds['skorch']:>9,}/s  "
                f"{row['members']} stacked {speeds['stacked']:>9,}/s  ratio {row['ratio']:.2f}",
                flush=True,
            )
        settings = {"images": options.images, "repeats": options.repeats, "skorch_candidates": CANDIDATES_ONE_BY_ONE}
        result = {"machine": machine, "settings": settings, "one_epoch": rows, "okons_grid_on_a_gpu": NOT_MEASURED}
        write_json(root / "benchmarks/results/stacked.json", result)
        if device != "cpu":
            result["okons_grid_on_a_gpu"] = exhaustive(problem, params, data.train_labels, device)
            write_json(root / "benchmarks/results/stacked.json", result)
    print(f"Okon's grid on a GPU: {result['okons_grid_on_a_gpu']}")


if __name__ == "__main__":
    run_stage(main)
