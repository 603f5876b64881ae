"""Random changes of training images, as a recipe asks for them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from digitrec.spec import Hardening, Recipe
from digitrec.transforms.affine import affine
from digitrec.transforms.distortions import distort
from digitrec.transforms.flags import flag_ones

# Proposals drawn for a random crop before the whole image is taken, as in torchvision.
CROP_PROPOSALS = 10


@dataclass(frozen=True)
class Augmentation:
    """Random changes of each image: flags on ones, then a map: rotation and scaling about the centre, a crop, a shift.

    Then a flip and, last, distortions.

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
    flip : float
        Share of the images that are mirrored, left for right.
    outside : {"black", "edge"}
        What comes in from outside the image: black, or the nearest pixel of its edge.
    interpolation : {"bilinear", "nearest"}
        Between pixels; with nearest, shifts are of whole pixels, both as torchvision's RandomAffine has it by default.
    flagged_ones : float
        Share of the images of label 1 that get a flag.
    hardening : Hardening
        Distortions, all but the adversarial one, which takes a network.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    crop_area: Sequence[float] = (1.0, 1.0)
    crop_ratio: Sequence[float] = (1.0, 1.0)
    flip: float = 0.0
    outside: str = "black"
    interpolation: str = "bilinear"
    flagged_ones: float = 0.0
    hardening: Hardening = field(default_factory=Hardening)

    @property
    def crops(self) -> bool:
        return (*self.crop_area, *self.crop_ratio) != (1.0, 1.0, 1.0, 1.0)

    def __bool__(self) -> bool:
        return bool(self.flagged_ones or self._maps or self.flip or self.hardening.distorts)

    @property
    def _maps(self) -> bool:
        return bool(self.rotation or self.scale or self.shift or self.crops)

    def __call__(self, pixels: Tensor, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        """Change float32 pixels of shape (n, channels, h, w), from 0 to 1, at random.

        Without labels, int64 of shape (n,), no one is known to be one.
        """
        if self.flagged_ones and labels is not None:
            pixels = flag_ones(pixels, labels, self.flagged_ones, generator)
        if self._maps:
            pixels = self._mapped(pixels, generator)
        if self.flip:
            flipped = (torch.rand(len(pixels), 1, 1, 1, generator=generator) < self.flip).to(pixels.device)
            pixels = torch.where(flipped, pixels.flip(3), pixels)
        if self.hardening.distorts:
            pixels = distort(pixels, self.hardening, generator)
        return pixels

    def _mapped(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        n, _, height, width = pixels.shape
        rotation, scale, right, down = torch.rand(4, n, generator=generator).mul_(2).sub_(1)
        radians = torch.deg2rad(rotation * self.rotation)
        scale_x = scale_y = 1 + scale * self.scale
        right, down = right * self.shift, down * self.shift
        if self.interpolation == "nearest":
            right, down = right.round(), down.round()
        if self.crops:
            part_x, part_y, from_centre_x, from_centre_y = self._draw_crops(pixels.shape, generator)
            scale_x, scale_y = scale_x / part_x, scale_y / part_y
            right = right - scale_x * from_centre_x * width
            down = down - scale_y * from_centre_y * height
        amounts = (value.to(pixels.device) for value in (radians, scale_x, scale_y, right, down))
        return affine(pixels, *amounts, outside=self.outside, interpolation=self.interpolation)

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


NO_AUGMENTATION = Augmentation()


def augmentation_of(recipe: Recipe) -> Augmentation:
    """Take from a recipe what concerns the images."""
    return Augmentation(**{each.name: getattr(recipe, each.name) for each in fields(Augmentation)})
