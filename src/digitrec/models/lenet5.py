"""LeNet with sigmoids and average pooling, as in Dive into Deep Learning (chapter 7.6)."""

from torch import nn

from digitrec.models._size import n_features
from digitrec.spec import ImageSpec


def build(image: ImageSpec) -> nn.Module:
    """Build the network: 61,706 parameters for MNIST, whose shapes stand beside the layers.

    Parameters
    ----------
    image : ImageSpec
        At least 12 pixels high and wide.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    maps = nn.Sequential(
        nn.Conv2d(image.channels, 6, 5, padding=2),  # (n, 6, 28, 28)
        nn.Sigmoid(),
        nn.AvgPool2d(2),  # (n, 6, 14, 14)
        nn.Conv2d(6, 16, 5),  # (n, 16, 10, 10)
        nn.Sigmoid(),
        nn.AvgPool2d(2),  # (n, 16, 5, 5)
        nn.Flatten(),  # (n, 400)
    )
    return nn.Sequential(
        *maps,
        nn.Linear(n_features(maps, image), 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, image.n_classes),
    )
