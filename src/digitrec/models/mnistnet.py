"""MNISTNet: three convolutions and three linear layers, as published by Okon (doi 10.5281/zenodo.17136040)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from digitrec.models._size import n_features
from digitrec.spec import ImageSpec

NONLINEARITIES: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "softmax": lambda: nn.Softmax(dim=1)}


class MNISTNet(nn.Module):
    """A layer's output size is (input - kernel + 2 * padding) / stride + 1; sizes in comments are MNIST's."""

    def __init__(
        self,
        image: ImageSpec,
        num_units: int,
        out_units: int,
        fout_units: int,
        nonlinearity: str,
        kernel_size: int,
        third_kernel_size: int,
        dropout: float,
        dropout_maps: float,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(image.channels, num_units, kernel_size)
        self.conv2 = nn.Conv2d(num_units, out_units, kernel_size)
        self.conv3 = nn.Conv2d(out_units, fout_units, third_kernel_size)
        self.pool = nn.MaxPool2d(2)
        self.nonlinearity = NONLINEARITIES[nonlinearity]()
        self.dropout_maps = nn.Dropout2d(dropout_maps)
        maps = nn.Sequential(self.conv1, self.pool, self.conv2, self.pool, self.conv3)
        self.fc1 = nn.Linear(n_features(maps, image), 200)
        self.fc2 = nn.Linear(200, 60)
        self.dropout = nn.Dropout(dropout)
        self.fc3 = nn.Linear(60, image.n_classes)

    def forward(self, x: Tensor) -> Tensor:  # (n, 1, 28, 28)
        x = self.nonlinearity(self.pool(self.conv1(x)))  # (n, num_units, 12, 12)
        x = self.nonlinearity(self.pool(self.conv2(x)))  # (n, out_units, 4, 4)
        x = self.nonlinearity(self.conv3(x))  # (n, fout_units, 3, 3)
        x = self.dropout_maps(x)
        x = torch.flatten(x, 1)  # (n, fout_units * 9)
        # The published listing has no nonlinearity between the linear layers.
        x = self.fc2(self.fc1(x))  # (n, 60)
        return self.fc3(self.dropout(x))  # (n, 10)


def build(
    image: ImageSpec,
    num_units: int = 10,
    out_units: int = 20,
    fout_units: int = 40,
    nonlinearity: str = "relu",
    kernel_size: int = 5,
    third_kernel_size: int = 2,
    dropout: float = 0.3,
    dropout_maps: float = 0.2,
) -> nn.Module:
    """Build the network.

    Parameters
    ----------
    image : ImageSpec
        At least 20 pixels high and wide, with kernels of the published sizes.
    num_units, out_units, fout_units : int
        Maps of the first, second and third convolution. For MNIST 10, 20 and 40 give 93,390 parameters.
    nonlinearity : {"relu", "softmax"}
        After each convolution; the softmax runs over the maps.
    kernel_size : int
        Of the first and the second convolution, in pixels. The text says that sizes were searched, its code does not.
    third_kernel_size : int
        Of the third, 2 in the text and the code; the printed summary's 160 inputs of the first linear layer take 3.
    dropout : float
        Share of the last hidden layer's 60 units that are left out.
    dropout_maps : float
        Share of the third convolution's maps that are left out.

    Returns
    -------
    nn.Module
        From float32 images of shape (n, channels, height, width) to logits of shape (n, classes).
    """
    sizes = num_units, out_units, fout_units
    return MNISTNet(image, *sizes, nonlinearity, kernel_size, third_kernel_size, dropout, dropout_maps)
