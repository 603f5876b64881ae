"""Mean and standard deviation of pixels, in one pass."""

import math

import numpy as np

from digitrec.errors import DataError
from digitrec.spec import Normalization

COLOURS = ("red", "green", "blue")


def pixel_statistics(images: np.ndarray, batch_pixels: int = 2_000_000) -> Normalization:
    """Measure the pixels of each channel of all images, scaled to [0, 1].

    What is summed are counts of the 256 values, whole numbers: the result does not depend on the batches, and memory
    does not grow with the number of images.

    Parameters
    ----------
    images : array
        uint8 of shape (n, height, width, channels), in memory or mapped from a file.
    batch_pixels : int
        Numbers read at a time, or those of one image where that has more.

    Returns
    -------
    Normalization
        Mean and standard deviation of each channel. MNIST's training images give 0.1307 and 0.3081.

    Raises
    ------
    DataError
        When all pixels of a channel are alike, so that they cannot be normalized by their deviation.
    """
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    batch_size = max(1, batch_pixels // math.prod(images.shape[1:]))
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size].reshape(-1, channels)
        for channel in range(channels):
            counts[channel] += np.bincount(batch[:, channel], minlength=256)
    names = [f" of the {colour} channel" for colour in COLOURS] if channels == len(COLOURS) else [""]
    statistics = [_mean_and_deviation(*each) for each in zip(counts, names, strict=True)]
    return Normalization(mean=tuple(mean for mean, _ in statistics), std=tuple(std for _, std in statistics))


def _mean_and_deviation(counts: np.ndarray, where: str) -> tuple[float, float]:
    # Python's own whole numbers, which have no largest.
    numbers = [(value, int(count)) for value, count in enumerate(counts) if count]
    n = sum(count for _, count in numbers)
    if len(numbers) == 1:
        raise DataError(f"all {n:,} pixels{where} have the value {numbers[0][0]}: these are no images to learn from")
    total = sum(value * count for value, count in numbers)
    squares = sum(value * value * count for value, count in numbers)
    return total / (255 * n), math.sqrt(n * squares - total * total) / (255 * n)
