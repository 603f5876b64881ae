"""The network of Shah's report: two convolutions of 32 and 64 maps, a hidden layer of 128 units."""

from torch import nn


def build(dropout: float = 0.0, third_convolution: int = 0) -> nn.Module:
    """Build the network: 421,642 parameters by default.

    Parameters
    ----------
    dropout : float
        Share of the hidden units that are left out: the report's extra layer.
    third_convolution : int
        Maps of a third convolution, which the report names as a next step; 0 for none.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, 10).
    """
    layers = [
        nn.Conv2d(1, 32, 3, padding=1),  # (n, 32, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (n, 32, 14, 14)
        nn.Conv2d(32, 64, 3, padding=1),  # (n, 64, 14, 14)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (n, 64, 7, 7)
    ]
    features = 64 * 7 * 7
    if third_convolution:
        layers += [
            nn.Conv2d(64, third_convolution, 3, padding=1),  # (n, third_convolution, 7, 7)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (n, third_convolution, 3, 3)
        ]
        features = third_convolution * 3 * 3
    return nn.Sequential(
        *layers,
        nn.Flatten(),  # (n, features)
        nn.Linear(features, 128),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(128, 10),
    )
