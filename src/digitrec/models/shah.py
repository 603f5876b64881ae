"""The network of Shah's report: two convolutions of 32 and 64 maps, a hidden layer of 128 units."""

from torch import nn

from digitrec.models._size import n_features
from digitrec.spec import ImageSpec


def build(image: ImageSpec, dropout: float = 0.0, third_convolution: int = 0) -> nn.Module:
    """Build the network: 421,642 parameters by default for MNIST, whose shapes stand beside the layers.

    Parameters
    ----------
    image : ImageSpec
        At least 4 pixels high and wide, 8 with a third convolution.
    dropout : float
        Share of the hidden units that are left out: the report's extra layer.
    third_convolution : int
        Maps of a third convolution, which the report names as a next step; 0 for none.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    maps = nn.Sequential(
        *_convolution(image.channels, 32),  # (n, 32, 14, 14)
        *_convolution(32, 64),  # (n, 64, 7, 7)
        *(_convolution(64, third_convolution) if third_convolution else []),  # (n, third_convolution, 3, 3)
        nn.Flatten(),  # (n, 64 * 7 * 7), or (n, third_convolution * 3 * 3)
    )
    return nn.Sequential(
        *maps,
        nn.Linear(n_features(maps, image), 128),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(128, image.n_classes),
    )


def _convolution(maps_in: int, maps_out: int) -> list[nn.Module]:
    return [nn.Conv2d(maps_in, maps_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
