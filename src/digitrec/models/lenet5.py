"""LeNet with sigmoids and average pooling, as in Dive into Deep Learning (chapter 7.6)."""

from collections.abc import Callable

from torch import Tensor, nn

from digitrec.models._size import n_features
from digitrec.spec import ImageSpec

INITIALIZATIONS: dict[str, Callable[[Tensor], object]] = {
    "pytorch": lambda weight: None,
    "xavier": nn.init.xavier_uniform_,
}


def build(image: ImageSpec, initialization: str = "pytorch") -> nn.Module:
    """Build the network: 61,706 parameters for MNIST, whose shapes stand beside the layers.

    Parameters
    ----------
    image : ImageSpec
        At least 12 pixels high and wide.
    initialization : {"pytorch", "xavier"}
        How weights start: as PyTorch's layers have it, or by Glorot and Bengio (2010), as in that chapter.

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
    network = nn.Sequential(
        *maps,
        nn.Linear(n_features(maps, image), 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, image.n_classes),
    )
    start = INITIALIZATIONS[initialization]
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            start(layer.weight)
    return network
