"""Our own network for speed: three convolutions, the first two of them pooled, and a linear layer."""

from torch import nn

from digitrec.models._size import n_features
from digitrec.spec import ImageSpec


def build(image: ImageSpec, width: int = 16) -> nn.Module:
    """Build the network: 29,434 parameters by default for MNIST, whose shapes stand beside the layers.

    Parameters
    ----------
    image : ImageSpec
        At least 20 pixels high and wide.
    width : int
        Maps of the first convolution; the second has twice, the third four times as many.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    maps = nn.Sequential(
        # Without padding, because MNIST's margins are empty.
        nn.Conv2d(image.channels, width, 5, bias=False),  # (n, width, 24, 24)
        # Pooling comes first: all that follows then has a quarter of the work.
        nn.MaxPool2d(2),  # (n, width, 12, 12)
        *_normalized(width),
        nn.Conv2d(width, 2 * width, 3, bias=False),  # (n, 2 * width, 10, 10)
        nn.MaxPool2d(2),  # (n, 2 * width, 5, 5)
        *_normalized(2 * width),
        nn.Conv2d(2 * width, 4 * width, 3, bias=False),  # (n, 4 * width, 3, 3)
        *_normalized(4 * width),
        nn.Flatten(),  # (n, 36 * width)
    )
    return nn.Sequential(*maps, nn.Linear(n_features(maps, image), image.n_classes))


def _normalized(maps: int) -> list[nn.Module]:
    # The normalization (Ioffe and Szegedy, arXiv 1502.03167) has a bias of its own, so convolutions have none.
    return [nn.BatchNorm2d(maps), nn.ReLU()]
