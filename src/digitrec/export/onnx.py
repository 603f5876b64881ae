"""The trained network as a file that needs no PyTorch: ONNX with everything between pixels and probabilities inside."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from digitrec.evaluation.inference import batches_of
from digitrec.pipeline.files import read_json, replacing
from digitrec.reading.exported import INPUT, OUTPUT
from digitrec.spec import ImageSpec
from digitrec.training.network import Network
from digitrec.transforms.pixels import to_pixels


class PixelsToProbabilities(nn.Module):
    """Network, temperature and softmax in one; its normalization is in the network.

    Parameters
    ----------
    network : Network
    temperature : float
        What logits are divided by.
    """

    def __init__(self, network: Network, temperature: float):
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """From uint8 images of shape (n, height, width, channels) to float32 probabilities of shape (n, classes)."""
        return torch.softmax(self.network(to_pixels(images)) / self.temperature, 1)


def whole_network(network: Network, temperature: float) -> PixelsToProbabilities:
    """Put a trained network and its temperature together, on the CPU and ready to answer."""
    return PixelsToProbabilities(network.cpu(), temperature).eval()


def to_onnx(module: PixelsToProbabilities, image: ImageSpec) -> bytes:
    """Write a network as ONNX.

    Returns
    -------
    bytes
        A model with the input `images`, uint8 of shape (n, height, width, channels) for any n, and the output
        `probabilities`, float32 of shape (n, classes). The same network gives the same bytes.
    """
    program = torch.onnx.export(
        module,
        (torch.zeros(2, *image.shape, dtype=torch.uint8),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
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


def copy_reader(source: Path, folder: Path) -> dict[str, Any]:
    """Put the reader that stage `train-reader` wrote into `source` beside the final network, where there is one.

    Returns
    -------
    dict
        What `Exported` says of it: the threshold of both networks' answers together, and reader_sha256.
    """
    if not (source / "reader.onnx").exists():
        return {}
    content = (source / "reader.onnx").read_bytes()
    with replacing(folder / "reader.onnx") as temporary:
        temporary.write_bytes(content)
    return read_json(source / "reader.json") | {"reader_sha256": hashlib.sha256(content).hexdigest()}


@torch.no_grad()
def torch_probabilities(module: PixelsToProbabilities, images: np.ndarray) -> np.ndarray:
    """Give what PyTorch answers: float32 of shape (n, classes) for uint8 images (n, height, width, channels)."""
    return np.concatenate([module(torch.from_numpy(batch)).numpy() for batch in batches_of(images)])


def differences(expected: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """Count images of another class, and give the largest difference of a probability."""
    return {
        "n": len(expected),
        "other_class": int(np.sum(expected.argmax(1) != found.argmax(1))),
        "largest_difference": float(np.abs(expected.astype(np.float64) - found).max()),
    }
