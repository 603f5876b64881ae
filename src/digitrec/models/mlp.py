"""A feed-forward network with two hidden layers."""

from torch import nn


def build(hidden_1: int = 128, hidden_2: int = 64) -> nn.Module:
    """Build the network: 784-128-64-10 has 109,386 parameters.

    Parameters
    ----------
    hidden_1, hidden_2 : int
        Units of the two hidden layers.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, 10).
    """
    return nn.Sequential(
        nn.Flatten(),  # (n, 784)
        nn.Linear(28 * 28, hidden_1),
        nn.ReLU(),
        nn.Linear(hidden_1, hidden_2),
        nn.ReLU(),
        nn.Linear(hidden_2, 10),
    )
