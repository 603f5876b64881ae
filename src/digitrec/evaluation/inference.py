"""What a trained network says of images."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from digitrec.transforms.pixels import to_pixels

# Pixels a forward pass: a thousand images of MNIST. What lies between layers then fits in memory at any size.
BATCH_PIXELS = 1000 * 28 * 28


@torch.no_grad()
def predict_logits(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Give what a network says before softmax.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode; takes float32 pixels of shape (n, channels, height, width), from 0 to 1.
    images : array
        uint8 of shape (n, height, width, channels).

    Returns
    -------
    array
        float32 of shape (n, classes).
    """
    return torch.cat(list(_outputs(network, images))).numpy()


@torch.no_grad()
def predict_probabilities(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Give a network's probabilities, float32 of shape (n, classes); see `predict_logits`."""
    return torch.softmax(torch.from_numpy(predict_logits(network, images)), 1).numpy()


def batches_of(images: np.ndarray) -> Iterator[np.ndarray]:
    """Cut images, uint8 of shape (n, height, width, channels), into parts that a network takes at a time."""
    size = max(1, BATCH_PIXELS // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), size):
        yield np.array(images[start : start + size])


def _outputs(network: nn.Module, images: np.ndarray) -> Iterator[Tensor]:
    device = next((str(weight.device) for weight in network.parameters()), "cpu")
    for batch in batches_of(images):
        yield network(to_pixels(batch, device)).cpu()
