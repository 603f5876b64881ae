"""CIFAR's binary files: records of one or two labels and 32x32 pixels, all red, then all green, then all blue."""

import numpy as np

from digitrec.errors import DataError

MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
SIDE = 32


def parse_records(content: bytes, n_labels: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Take records apart.

    Parameters
    ----------
    content : bytes
        Of one file or of several.
    n_labels : int
        Bytes before the pixels of a record; the last of them is the label.
    name : str
        For messages.

    Returns
    -------
    images : array
        uint8 of shape (n, 32, 32, 3).
    labels : array
        uint8 of shape (n,).

    Raises
    ------
    DataError
        When it is not made of whole records.
    """
    length = n_labels + 3 * SIDE * SIDE
    if not content or len(content) % length:
        raise DataError(f"{name}: has {len(content):,} bytes of records, expected a multiple of {length:,}")
    records = np.frombuffer(content, np.uint8).reshape(-1, length)
    images = records[:, n_labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return images, records[:, n_labels - 1]
