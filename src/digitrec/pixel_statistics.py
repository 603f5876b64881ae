"""Mean and standard deviation of pixels, in one pass."""

import numpy as np

from digitrec.errors import DataError


def pixel_statistics(images: np.ndarray, batch_size: int = 4096) -> tuple[float, float]:
    """Measure the pixels of all images, scaled to [0, 1].

    Sums of pixels and of their squares are exact integers within a batch and float64 across batches; memory does
    not grow with the number of images.

    Parameters
    ----------
    images : array
        uint8 of shape (n, 28, 28), in memory or mapped from a file.
    batch_size : int
        Images read at a time.

    Returns
    -------
    mean, std : float
        MNIST's training images give 0.1307 and 0.3081.

    Raises
    ------
    DataError
        When all pixels are alike, so that nothing can be normalized by their deviation.
    """
    total = squares = 0.0
    for start in range(0, len(images), batch_size):
        # uint64 holds the squares of 10**14 pixels.
        batch = images[start : start + batch_size].astype(np.uint64)
        total += float(batch.sum())
        squares += float((batch * batch).sum())
    n = images.size
    mean = total / n
    if squares / n <= mean * mean:
        raise DataError(f"all {n:,} pixels have the value {mean:g}: these are no images to learn from")
    return mean / 255, float(np.sqrt(squares / n - mean * mean)) / 255
