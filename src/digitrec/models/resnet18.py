"""torchvision's ResNet-18 for images of one or three channels."""

from torch import nn
from torchvision.models import resnet18

from digitrec.spec import ImageSpec


def build(image: ImageSpec) -> nn.Module:
    """Build the network: 11,175,370 parameters for MNIST.

    Parameters
    ----------
    image : ImageSpec

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    network = resnet18(num_classes=image.n_classes)
    # Of MNIST's images it makes (n, 64, 14, 14).
    network.conv1 = nn.Conv2d(image.channels, 64, 7, stride=2, padding=3, bias=False)
    return network
