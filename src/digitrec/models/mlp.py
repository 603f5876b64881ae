"""A feed-forward network with two or three hidden layers."""

import math
from itertools import pairwise

from torch import nn

from digitrec.spec import ImageSpec


def build(image: ImageSpec, hidden_1: int = 128, hidden_2: int = 64, hidden_3: int = 0) -> nn.Module:
    """Build the network: for MNIST 784-128-64-10 has 109,386 parameters, 784-128-32-16-10 has 105,306.

    Parameters
    ----------
    image : ImageSpec
    hidden_1, hidden_2, hidden_3 : int
        Units of the hidden layers; without `hidden_3` there are two.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    sizes = [math.prod(image.shape), hidden_1, hidden_2, *([hidden_3] if hidden_3 else [])]
    layers = [layer for size, units in pairwise(sizes) for layer in (nn.Linear(size, units), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], image.n_classes))
