"""What a trained network says of images."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from digitrec.transforms.pixels import to_pixels

# Images a forward pass.
BATCH_SIZE = 1000


@torch.no_grad()
def predict_logits(network: nn.Module, images: np.ndarray, batch_size: int = BATCH_SIZE) -> np.ndarray:
    """Give what a network says before softmax.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode; takes float32 pixels of shape (n, channels, height, width), from 0 to 1.
    images : array
        uint8 of shape (n, height, width, channels).
    batch_size : int
        Images a forward pass.

    Returns
    -------
    array
        float32 of shape (n, classes).
    """
    return torch.cat(list(_outputs(network, images, batch_size))).numpy()


@torch.no_grad()
def predict_probabilities(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Give a network's probabilities, float32 of shape (n, classes); see `predict_logits`."""
    return torch.softmax(torch.from_numpy(predict_logits(network, images)), 1).numpy()


def _outputs(network: nn.Module, images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    device = next((str(weight.device) for weight in network.parameters()), "cpu")
    for start in range(0, len(images), batch_size):
        yield network(to_pixels(np.array(images[start : start + batch_size]), device)).cpu()
