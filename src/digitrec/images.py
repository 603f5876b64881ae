"""Images as batches of tensors: gathering, normalization, augmentation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from digitrec.params import Recipe

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


# Proposals drawn for a random crop before the whole image is taken, as in torchvision.
CROP_PROPOSALS = 10


@dataclass(frozen=True)
class Augmentation:
    """Random changes of each image: flags on ones, then a map: rotation and scaling about the centre, a crop, a shift.

    Parameters
    ----------
    rotation : float
        Degrees, drawn evenly from [-rotation, rotation].
    scale : float
        Share of the size, the same along both axes, drawn evenly from [-scale, scale].
    shift : float
        Pixels along each axis, drawn evenly from [-shift, shift].
    crop_area, crop_ratio : pair of float
        Lowest and highest share of the area and width by height of the part that is cut out and brought to full size,
        as torchvision's RandomResizedCrop draws them: the area evenly, the ratio's logarithm evenly, the place evenly.
    flagged_ones : float
        Share of the images of label 1 that get a flag.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    crop_area: Sequence[float] = (1.0, 1.0)
    crop_ratio: Sequence[float] = (1.0, 1.0)
    flagged_ones: float = 0.0

    @property
    def crops(self) -> bool:
        return (*self.crop_area, *self.crop_ratio) != (1.0, 1.0, 1.0, 1.0)

    def __bool__(self) -> bool:
        return bool(self.rotation or self.scale or self.shift or self.crops or self.flagged_ones)

    def __call__(
        self, images: Tensor, generator: torch.Generator, background: float = 0.0, labels: Tensor | None = None
    ) -> Tensor:
        """Change float32 images of shape (n, 1, h, w) at random; what comes in from outside is `background`.

        Without labels, int64 of shape (n,), no one is known to be one.
        """
        n, _, height, width = images.shape
        if self.flagged_ones and labels is not None:
            images = flag_ones(images, labels, self.flagged_ones, generator, background)
        rotation, scale, right, down = torch.rand(4, n, generator=generator).mul_(2).sub_(1)
        radians = torch.deg2rad(rotation * self.rotation)
        scale_x = scale_y = 1 + scale * self.scale
        right, down = right * self.shift, down * self.shift
        if self.crops:
            part_x, part_y, from_centre_x, from_centre_y = self._draw_crops(images.shape, generator)
            scale_x, scale_y = scale_x / part_x, scale_y / part_y
            right = right - scale_x * from_centre_x * width
            down = down - scale_y * from_centre_y * height
        amounts = (value.to(images.device) for value in (radians, scale_x, scale_y, right, down))
        return affine(images, *amounts, background)

    def _draw_crops(self, shape: torch.Size, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Shares of width and height that n crops keep, and how far their centres lie from the image's, in shares."""
        n, _, height, width = shape
        area, ratio = torch.rand(2, CROP_PROPOSALS, n, generator=generator)
        area = self.crop_area[0] + area * (self.crop_area[1] - self.crop_area[0])
        least, most = (math.log(value) for value in self.crop_ratio)
        ratio = torch.exp(least + ratio * (most - least))
        # Whole pixels; what comes out larger than the image is drawn again.
        wide, high = torch.round(torch.sqrt(area * ratio) * width), torch.round(torch.sqrt(area / ratio) * height)
        fits = (wide <= width) & (high <= height)
        first = fits.int().argmax(0, keepdim=True)
        fits = fits.any(0)
        wide = torch.where(fits, wide.gather(0, first)[0], float(width))
        high = torch.where(fits, high.gather(0, first)[0], float(height))
        x, y = torch.rand(2, n, generator=generator)
        left, top = torch.floor(x * (width - wide + 1)), torch.floor(y * (height - high + 1))
        return wide / width, high / height, (left + wide / 2) / width - 0.5, (top + high / 2) / height - 0.5


def augmentation_of(recipe: Recipe) -> Augmentation:
    """Take from a recipe what concerns the images."""
    return Augmentation(**{field.name: getattr(recipe, field.name) for field in fields(Augmentation)})


def flag_ones(
    images: Tensor, labels: Tensor, share: float, generator: torch.Generator, background: float = 0.0
) -> Tensor:
    """Draw a flag on some of the ones: a stroke from their top down to the left, 20 to 65 degrees below the horizontal.

    MNIST's writers seldom made it, most of Europe's do; without it, such ones are taken for sevens.

    Parameters
    ----------
    images : Tensor
        float32 of shape (n, 1, h, w), ink above `background`.
    labels : Tensor
        int64 of shape (n,).
    share : float
        Of the images of label 1 that get one.
    """
    chosen = (torch.rand(len(labels), generator=generator) < share).to(labels.device)
    rows = torch.nonzero(chosen & (labels == 1)).ravel()
    angle, length, half_width = torch.rand(3, len(rows), 1, 1, generator=generator).to(images)
    # 3 to 9 pixels long, 1.2 to 2.8 wide.
    angle, length, half_width = torch.deg2rad(20 + 45 * angle), 3 + 6 * length, 0.6 + 0.8 * half_width
    ones = images[rows, 0] - background
    peak = ones.amax((1, 2), keepdim=True)
    top = (ones > peak / 2).any(2).int().argmax(1)
    weights = ones[torch.arange(len(rows), device=images.device), top].clamp_min(1e-6)
    y, x = (torch.arange(size, device=images.device) for size in images.shape[2:])
    left = (weights * x).sum(1) / weights.sum(1)
    # Each pixel's distance from the stroke, by the point of it that is nearest.
    right, down = x - left.view(-1, 1, 1), y.view(-1, 1) - top.view(-1, 1, 1)
    along = (down * torch.sin(angle) - right * torch.cos(angle)).clamp_min(0).minimum(length)
    distance = torch.hypot(right + along * torch.cos(angle), down - along * torch.sin(angle))
    flag = (half_width + 0.5 - distance).clamp(0, 1) * peak
    images = images.clone()
    images[rows, 0] = torch.maximum(ones, flag) + background
    return images


def affine(
    images: Tensor,
    radians: Tensor,
    scale_x: Tensor,
    scale_y: Tensor,
    right: Tensor,
    down: Tensor,
    background: float = 0.0,
) -> Tensor:
    """Rotate each image about its centre, then scale it, then shift it, with bilinear interpolation.

    Parameters
    ----------
    images : Tensor
        float32 of shape (n, 1, h, w).
    radians, scale_x, scale_y, right, down : Tensor
        float32 of shape (n,): clockwise rotation, size ratios, shift in pixels.
    background : float
        The value of pixels outside the image.

    Returns
    -------
    Tensor
        float32 of the shape of `images`.
    """
    n, _, height, width = images.shape
    # affine_grid asks where in the input (in [-1, 1]) each output pixel comes from: the inverse map.
    cos, sin = torch.cos(radians), torch.sin(radians)
    x, y = right * (2 / width), down * (2 / height)
    from_x = cos / scale_x, sin / scale_y
    from_y = -sin / scale_x, cos / scale_y
    rows = [*from_x, -from_x[0] * x - from_x[1] * y, *from_y, -from_y[0] * x - from_y[1] * y]
    grid = functional.affine_grid(torch.stack(rows, 1).view(n, 2, 3), list(images.shape), align_corners=False)
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
            labels = np.zeros(len(rows), np.int64) if self.labels is None else self.labels[rows].astype(np.int64)
            labels = torch.from_numpy(labels).to(self.device)
            if self.augmentation and self.generator is not None:
                images = self.augmentation(images, self.generator, self.normalization.background, labels)
            yield from zip(images.split(self.batch_size), labels.split(self.batch_size), strict=True)
