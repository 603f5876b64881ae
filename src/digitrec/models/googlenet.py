"""torchvision's GoogLeNet with its two auxiliary classifiers, for images of one channel."""

from torch import nn
from torchvision.models import googlenet


def build() -> nn.Module:
    """Build the network: 9,954,366 parameters.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, 10); while it is trained, to a tuple of
        these and the two auxiliary classifiers' logits.
    """
    network = googlenet(num_classes=10, aux_logits=True, init_weights=True)
    network.conv1.conv = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)  # (n, 64, 14, 14)
    return network
