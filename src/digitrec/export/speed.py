"""How fast an exported network answers, beside PyTorch."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from digitrec.export.onnx import PixelsToProbabilities, torch_probabilities
from digitrec.reading.exported import ExportedNetwork

# Images of a call that answers many: few enough that what lies between layers stays in a core's cache.
MANY = 64
# Calls with one image, and with many.
N_CALLS = {1: 300, MANY: 60}
# Calls of a way before it is another's turn, and how many of them are not counted: what another way has left behind, in
# caches and waiting threads, costs the first.
TURN, COLD = 30, 5
# After so many seconds there are no more turns: a large network has been timed well enough by then.
ENOUGH = 20

Way = Callable[[np.ndarray], Any]


def compare_speed(
    folder: Path, module: PixelsToProbabilities, images: np.ndarray, jobs: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Time the exported network in `folder` and the same in PyTorch, with one thread and with `jobs`.

    Returns
    -------
    dict
        By `1_threads` and so on, what `measure_speed` gives for `onnxruntime` and `torch`.
    """
    speed = {}
    for threads in sorted({1, jobs}):
        torch.set_num_threads(threads)
        ways: dict[str, Way] = {
            "onnxruntime": ExportedNetwork(folder, threads).alone,
            "torch": lambda batch: torch_probabilities(module, batch),
        }
        speed[f"{threads}_threads"] = measure_speed(ways, images)
    return speed


def measure_speed(ways: Mapping[str, Way], images: np.ndarray) -> dict[str, dict[str, float]]:
    """Time ways to answer, in turns of thirty calls on the same images.

    Parameters
    ----------
    ways : mapping
        By name, each takes uint8 images of shape (n, height, width, channels).
    images : array
        uint8 of shape (n, height, width, channels); where they are few, they come again.

    Returns
    -------
    dict
        By name: latency_us (microseconds for one image, median) and images_per_second (in batches of 64, median).
    """
    one, many = (_seconds(ways, images, size) for size in (1, MANY))
    return {
        name: {
            "latency_us": round(1e6 * float(np.median(one[name])), 1),
            "images_per_second": round(MANY / float(np.median(many[name]))),
        }
        for name in ways
    }


def _seconds(ways: Mapping[str, Way], images: np.ndarray, size: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    begin = time.perf_counter()
    for start in range(0, N_CALLS[size], TURN):
        inputs = [
            images[np.arange(call * size, (call + 1) * size) % len(images)] for call in range(start, start + TURN)
        ]
        for name, way in ways.items():
            seconds[name] += [_taken(way, each) for each in inputs][COLD:]
        if time.perf_counter() - begin > ENOUGH:
            break
    return seconds


def _taken(way: Way, images: np.ndarray) -> float:
    start = time.perf_counter()
    way(images)
    return time.perf_counter() - start
