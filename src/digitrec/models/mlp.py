"""A feed-forward network with two or three hidden layers."""

from itertools import pairwise

from torch import nn


def build(hidden_1: int = 128, hidden_2: int = 64, hidden_3: int = 0) -> nn.Module:
    """Build the network: 784-128-64-10 has 109,386 parameters, 784-128-32-16-10 has 105,306.

    Parameters
    ----------
    hidden_1, hidden_2, hidden_3 : int
        Units of the hidden layers; without `hidden_3` there are two.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, 10).
    """
    sizes = [28 * 28, hidden_1, hidden_2, *([hidden_3] if hidden_3 else [])]
    layers = [layer for size, units in pairwise(sizes) for layer in (nn.Linear(size, units), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], 10))
