"""The trained network as a file that needs no PyTorch: ONNX with everything between pixels and probabilities inside."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from digitrec.images import Normalization
from digitrec.training import DigitClassifier

INPUT, OUTPUT = "images", "probabilities"
# Images a call where speed is taken: few enough that what lies between layers stays in a core's cache.
BATCH = 64
# Calls of a way before it is another's turn.
TURN = 30


class PixelsToProbabilities(nn.Module):
    """Normalization, network, temperature and softmax in one.

    Parameters
    ----------
    network : nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, classes).
    normalization : Normalization
    temperature : float
        What logits are divided by.
    """

    def __init__(self, network: nn.Module, normalization: Normalization, temperature: float):
        super().__init__()
        self.network = network
        self.normalization = normalization
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """From uint8 images of shape (n, 28, 28) to float32 probabilities of shape (n, classes)."""
        pixels = images.unsqueeze(1).to(torch.float32)
        normalized = (pixels - 255 * self.normalization.mean) / (255 * self.normalization.std)
        return torch.softmax(self.network(normalized) / self.temperature, 1)


def whole_network(classifier: DigitClassifier, temperature: float) -> PixelsToProbabilities:
    """Put a trained classifier and its temperature together, on the CPU and ready to answer."""
    return PixelsToProbabilities(classifier.module_.cpu(), classifier.normalization, temperature).eval()


def to_onnx(module: PixelsToProbabilities) -> bytes:
    """Write a network as ONNX.

    Returns
    -------
    bytes
        A model with the input `images`, uint8 of shape (n, 28, 28) for any n, and the output `probabilities`, float32
        of shape (n, classes). The same network gives the same bytes.
    """
    program = torch.onnx.export(
        module,
        (torch.zeros(2, 28, 28, dtype=torch.uint8),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    # The exporter notes where in which file each node was made; the bytes are to depend on the network alone.
    for part in (
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        model.graph,
        model,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model.SerializeToString(deterministic=True)


@torch.no_grad()
def torch_probabilities(module: PixelsToProbabilities, images: np.ndarray) -> np.ndarray:
    """Give what PyTorch answers: float32 of shape (n, classes) for uint8 images (n, 28, 28)."""
    return np.concatenate([module(torch.from_numpy(batch)).numpy() for batch in _batches(images)])


def _batches(images: np.ndarray, size: int = 1000) -> list[np.ndarray]:
    return [np.array(images[start : start + size]) for start in range(0, len(images), size)]


def differences(expected: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """Count images of another class, and give the largest difference of a probability."""
    return {
        "n": len(expected),
        "other_class": int(np.sum(expected.argmax(1) != found.argmax(1))),
        "largest_difference": float(np.abs(expected.astype(np.float64) - found).max()),
    }


def _seconds(way: Callable[[np.ndarray], Any], images: np.ndarray) -> float:
    start = time.perf_counter()
    way(images)
    return time.perf_counter() - start


def measure_speed(ways: Mapping[str, Callable[[np.ndarray], Any]], images: np.ndarray) -> dict[str, dict[str, float]]:
    """Time ways to answer, in turns of thirty calls on the same images.

    Parameters
    ----------
    ways : mapping
        By name, each takes uint8 images of shape (n, 28, 28).
    images : array
        uint8 of shape (n, 28, 28).

    Returns
    -------
    dict
        By name: latency_us (microseconds for one image, median) and images_per_second (in batches of 64, median).
    """
    alone, batches = [images[k : k + 1] for k in range(300)], _batches(images[: 60 * BATCH], BATCH)
    seconds: dict[str, dict[str, list[float]]] = {name: {"one": [], "many": []} for name in ways}
    for kind, inputs in (("one", alone), ("many", batches)):
        for start in range(0, len(inputs), TURN):
            for name, way in ways.items():
                taken = [_seconds(way, each) for each in inputs[start : start + TURN]]
                # What another way has left behind, in caches and waiting threads, costs the first calls of a turn.
                seconds[name][kind] += taken[5:]
    return {
        name: {
            "latency_us": round(1e6 * float(np.median(taken["one"])), 1),
            "images_per_second": round(BATCH / float(np.median(taken["many"]))),
        }
        for name, taken in seconds.items()
    }
