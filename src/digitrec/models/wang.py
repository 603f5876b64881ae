"""Improved LeNet-5 with dropout, after Wang's description; sizes not given there are the common PyTorch tutorial's."""

from torch import nn

from digitrec.models._size import n_features
from digitrec.spec import ImageSpec


def build(image: ImageSpec, dropout: float = 0.5) -> nn.Module:
    """Build the network: 21,840 parameters for MNIST, whose shapes stand beside the layers.

    Parameters
    ----------
    image : ImageSpec
        At least 16 pixels high and wide.
    dropout : float
        Share of the second convolution's maps and of the hidden units that are left out; 0 gives the plain network.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    maps = nn.Sequential(
        nn.Conv2d(image.channels, 10, 5),  # (n, 10, 24, 24)
        nn.MaxPool2d(2),  # (n, 10, 12, 12)
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),  # (n, 20, 8, 8)
        nn.Dropout2d(dropout),
        nn.MaxPool2d(2),  # (n, 20, 4, 4)
        nn.ReLU(),
        nn.Flatten(),  # (n, 320)
    )
    return nn.Sequential(
        *maps,
        nn.Linear(n_features(maps, image), 50),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(50, image.n_classes),
    )
