"""What comes out of convolutions, so that linear layers fit images of any size."""

import math

import torch
from torch import nn

from digitrec.spec import ImageSpec


def output_shape(layers: nn.Module, image: ImageSpec) -> tuple[int, ...]:
    """Give the shape of what layers make of one image.

    Parameters
    ----------
    layers : nn.Module
        As they were made, in training mode. No random numbers are drawn, and running statistics stay as they are.
    image : ImageSpec

    Returns
    -------
    tuple of int
        Without the number of images: (maps, height, width) after convolutions.

    Raises
    ------
    RuntimeError
        When the image is too small for them.
    """
    layers.eval()
    with torch.no_grad():
        shape = layers(torch.zeros(1, *image.input_shape)).shape[1:]
    layers.train()
    return tuple(shape)


def n_features(layers: nn.Module, image: ImageSpec) -> int:
    """Count what layers make of one image: inputs of the linear layer after them; see `output_shape`."""
    return math.prod(output_shape(layers, image))
