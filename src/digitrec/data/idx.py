"""The IDX format, in which MNIST and most of its kin are published.

torchvision has a reader too. It takes 3.5 seconds to import, wants the files unpacked, and does not say what is wrong
with a damaged one.
"""

import math
from pathlib import Path

import numpy as np

from digitrec.data.archives import DAMAGE, open_unpacked
from digitrec.data.downloads import Fetch, RemoteFile
from digitrec.errors import DataError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """Read an array in IDX format (yann.lecun.com/exdb/mnist).

    Parameters
    ----------
    content : bytes
        Unpacked.
    name : str
        For messages.

    Returns
    -------
    array
        Of the shape and kind that the header says, in the machine's byte order.

    Raises
    ------
    DataError
        When it is no IDX or has another length than its header says.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        raise DataError(f"{name}: no IDX file; its first bytes are {content[:4]!r}")
    dtype, n_axes = np.dtype(DTYPES[content[2]]), content[3]
    start = 4 + 4 * n_axes
    if len(content) < start:
        raise DataError(f"{name}: its header has {n_axes} axes, {start} bytes; it has {len(content):,}")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise DataError(f"{name}: its header says shape {shape}, {expected:,} bytes; it has {len(content):,}")
    try:
        array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    # More axes than there may be, or none of one kind and too many of another.
    except ValueError as error:
        raise DataError(f"{name}: its header says shape {shape}, which no array can have ({error})") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def md5_files(mirrors: tuple[str, ...], md5_of_files: dict[str, str]) -> list[RemoteFile]:
    """Name files that lie side by side and their MD5 sums."""
    return [RemoteFile(name, mirrors, md5_of_file=md5) for name, md5 in md5_of_files.items()]


def load_idx(fetch: Fetch, files: list[RemoteFile]) -> list[np.ndarray]:
    """Fetch and read files, packed or not: as a rule training images and labels, test images and labels.

    Returns
    -------
    list of array
        Images, of shape (n, height, width) in their files, are given an axis for their one channel.

    Raises
    ------
    DataError
        When one is damaged or no IDX.
    """
    arrays = (_read(fetch(file), file.name) for file in files)
    return [array[..., None] if array.ndim == 3 else array for array in arrays]


def _read(path: Path, name: str) -> np.ndarray:
    try:
        with open_unpacked(path) as file:
            return parse_idx(file.read(), name)
    except DAMAGE as error:
        raise DataError(f"{name}: cannot be unpacked ({error}); fetch it again") from error
