"""Images as batches of pixels: gathering, augmentation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from digitrec.transforms.augmentation import NO_AUGMENTATION, Augmentation
from digitrec.transforms.pixels import to_pixels

# Pixels gathered and augmented at once: 2,048 images of MNIST. Large enough that the cost of a call does not matter,
# small enough (6 MB as float32) to stay in a core's cache. A quarter, half and double of it were within 2 %.
CHUNK_PIXELS = 2048 * 28 * 28


class Batches:
    """Iterate over images in mini-batches of pixels.

    Whole chunks are gathered, scaled and augmented, then sliced: nothing is done for one image alone.

    Parameters
    ----------
    images : array
        uint8 of shape (n, height, width, channels), in memory or mapped from a file.
    labels : array or None
        Integers of shape (n,).
    index : array
        Which images, in this order; integers of shape (m,).
    batch_size : int
        Images a batch; the last batch may be smaller. Where they are shuffled, for training, an image that would be
        left alone joins the batch before it, because batch normalization cannot learn from one.
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
        augmentation: Augmentation = NO_AUGMENTATION,
        generator: torch.Generator | None = None,
        device: str = "cpu",
    ):
        self.images = images
        self.labels = labels
        self.index = index
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.generator = generator
        self.device = device

    def __len__(self) -> int:
        alone = self.generator is not None and len(self.index) % self.batch_size == 1 and len(self.index) > 1
        return -(-len(self.index) // self.batch_size) - (alone and self.batch_size > 1)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield pixels and labels.

        Yields
        ------
        pixels : Tensor
            float32 of shape (b, channels, height, width), from 0 to 1.
        labels : Tensor
            int64 of shape (b,); zeros without labels.
        """
        index = self.index
        if self.generator is not None:
            index = index[torch.randperm(len(index), generator=self.generator).numpy()]
        n_batches, size = len(self), self.batch_size
        a_chunk = max(1, CHUNK_PIXELS // int(np.prod(self.images.shape[1:])) // size)
        for first in range(0, n_batches, a_chunk):
            last = min(first + a_chunk, n_batches)
            rows = index[first * size : last * size if last < n_batches else None]
            sizes = [size] * (last - first - 1)
            sizes.append(len(rows) - sum(sizes))
            pixels = to_pixels(self.images[rows], self.device)
            known = np.zeros(len(rows), np.int64) if self.labels is None else self.labels[rows].astype(np.int64)
            labels = torch.from_numpy(known).to(self.device)
            if self.augmentation and self.generator is not None:
                pixels = self.augmentation(pixels, self.generator, labels)
            yield from zip(pixels.split(sizes), labels.split(sizes), strict=True)
