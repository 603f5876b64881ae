"""Images as batches of tensors: gathering, normalization, augmentation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# Images gathered, normalized and augmented at once: large enough that the cost of a call does not matter,
# small enough (6 MB as float32) to stay in a core's cache. 512, 1024, 2048 and 4096 were within 2 % of each other.
CHUNK = 2048


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of pixels that were scaled to [0, 1]."""

    mean: float
    std: float

    def __call__(self, images: Tensor) -> Tensor:
        """Normalize uint8 images of shape (n, 28, 28) to float32 of shape (n, 1, 28, 28)."""
        scaled = images.unsqueeze(1).to(torch.float32)
        return scaled.sub_(255 * self.mean).mul_(1 / (255 * self.std))

    @property
    def background(self) -> float:
        """The value of an empty pixel after normalization."""
        return -self.mean / self.std


@dataclass(frozen=True)
class Augmentation:
    """A random affine map for each image; every amount is drawn evenly from [-value, value].

    Parameters
    ----------
    rotation : float
        Degrees.
    scale : float
        Share of the size, the same along both axes.
    shift : float
        Pixels, along each axis.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.rotation or self.scale or self.shift)

    def __call__(self, images: Tensor, generator: torch.Generator, background: float = 0.0) -> Tensor:
        """Map float32 images of shape (n, 1, h, w) at random; what comes in from outside is `background`."""
        n = len(images)
        rotation, scale, right, down = torch.rand(4, n, generator=generator).mul_(2).sub_(1).to(images.device)
        radians = torch.deg2rad(rotation * self.rotation)
        return affine(
            images,
            radians,
            1 + scale * self.scale,
            right * self.shift,
            down * self.shift,
            background,
        )


def affine(
    images: Tensor, radians: Tensor, scale: Tensor, right: Tensor, down: Tensor, background: float = 0.0
) -> Tensor:
    """Rotate and scale each image about its centre, then shift it, with bilinear interpolation.

    Parameters
    ----------
    images : Tensor
        float32 of shape (n, 1, h, w).
    radians, scale, right, down : Tensor
        float32 of shape (n,): clockwise rotation, size ratio, shift in pixels.
    background : float
        The value of pixels outside the image.

    Returns
    -------
    Tensor
        float32 of the shape of `images`.
    """
    n, _, height, width = images.shape
    # affine_grid asks where in the input (in [-1, 1]) each output pixel comes from: the inverse map.
    cos, sin = torch.cos(radians) / scale, torch.sin(radians) / scale
    x, y = right * (2 / width), down * (2 / height)
    matrix = torch.stack([cos, sin, -cos * x - sin * y, -sin, cos, sin * x - cos * y], 1).view(n, 2, 3)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    # grid_sample pads with zeros, so the background is made zero for it.
    return functional.grid_sample(images - background, grid, align_corners=False).add_(background)


class Batches:
    """Iterate over images in mini-batches of normalized tensors.

    Whole chunks are gathered, normalized and augmented, then sliced: nothing is done for one image alone.

    Parameters
    ----------
    images : array
        uint8 of shape (n, 28, 28), in memory or mapped from a file.
    labels : array or None
        Integers of shape (n,).
    index : array
        Which images, in this order; integers of shape (m,).
    batch_size : int
        Images a batch; the last batch may be smaller.
    normalization : Normalization
    augmentation : Augmentation
    generator : torch.Generator or None
        Shuffles and augments; without it images come in order and as they are.
    device : str
        Where the batches go.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | None,
        index: np.ndarray,
        batch_size: int,
        normalization: Normalization,
        augmentation: Augmentation = Augmentation(),
        generator: torch.Generator | None = None,
        device: str = "cpu",
    ):
        self.images = images
        self.labels = labels
        self.index = index
        self.batch_size = batch_size
        self.normalization = normalization
        self.augmentation = augmentation
        self.generator = generator
        self.device = device

    def __len__(self) -> int:
        return -(-len(self.index) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images, float32 of shape (b, 1, 28, 28), and labels, int64 of shape (b,) (zeros without labels)."""
        index = self.index
        if self.generator is not None:
            index = index[torch.randperm(len(index), generator=self.generator).numpy()]
        step = self.batch_size * max(1, CHUNK // self.batch_size)
        for start in range(0, len(index), step):
            rows = index[start : start + step]
            images = self.normalization(torch.from_numpy(self.images[rows]).to(self.device))
            if self.augmentation and self.generator is not None:
                images = self.augmentation(images, self.generator, self.normalization.background)
            labels = np.zeros(len(rows), np.int64) if self.labels is None else self.labels[rows].astype(np.int64)
            labels = torch.from_numpy(labels).to(self.device)
            yield from zip(images.split(self.batch_size), labels.split(self.batch_size), strict=True)
