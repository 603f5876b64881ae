"""torchvision's ResNet-18 for images of one channel."""

from torch import nn
from torchvision.models import resnet18


def build() -> nn.Module:
    """Build the network: 11,175,370 parameters.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, 1, 28, 28) to logits of shape (n, 10).
    """
    network = resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)  # (n, 64, 14, 14)
    return network
