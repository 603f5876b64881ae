"""LeNet with sigmoids and average pooling, as in Dive into Deep Learning (chapter 7.6)."""

from torch import nn


def build() -> nn.Module:
    """Build the network: 61,706 parameters.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, 10).
    """
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),  # (n, 6, 28, 28)
        nn.Sigmoid(),
        nn.AvgPool2d(2),  # (n, 6, 14, 14)
        nn.Conv2d(6, 16, 5),  # (n, 16, 10, 10)
        nn.Sigmoid(),
        nn.AvgPool2d(2),  # (n, 16, 5, 5)
        nn.Flatten(),  # (n, 400)
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )
