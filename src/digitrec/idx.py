"""Datasets of images: their shape, and the IDX format in which most are published."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digitrec.downloads import RemoteFile
from digitrec.errors import DataError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
Fetch = Callable[[RemoteFile], Path]


class ImageDataset(NamedTuple):
    """Images, uint8 of shape (n, 28, 28), 255 = ink; labels, uint8 of shape (n,), from 0 to 9."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


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
    expected = start + int(np.prod(shape)) * dtype.itemsize
    if len(content) != expected:
        raise DataError(f"{name}: its header says shape {shape}, {expected:,} bytes; it has {len(content):,}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def load_idx(fetch: Fetch, files: tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]) -> ImageDataset:
    """Fetch and read the four files: training images and labels, test images and labels."""
    return ImageDataset(*(parse_idx(gzip.decompress(fetch(file).read_bytes()), file.name) for file in files))


def torchvision_files(dataset: type) -> tuple[RemoteFile, ...]:
    """Take names, MD5 sums and mirrors from a torchvision dataset class such as `FashionMNIST`."""
    mirrors = tuple(dataset.mirrors)
    return tuple(RemoteFile(name, mirrors, md5_of_file=md5) for name, md5 in dataset.resources)


def check_dataset(dataset: ImageDataset, name: str) -> None:
    """Check shapes, kinds and ranges.

    Raises
    ------
    DataError
        Naming everything that is wrong.
    """
    mistakes = []
    for part in ("train", "test"):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28) or not len(images):
            mistakes.append(f"{part} images: got {images.dtype} of shape {images.shape}, expected uint8 (n, 28, 28)")
        if labels.ndim != 1 or labels.dtype.kind not in "ui":
            mistakes.append(f"{part} labels: got {labels.dtype} of shape {labels.shape}, expected integers (n,)")
        elif len(labels) and (labels.min() < 0 or labels.max() > 9):
            mistakes.append(f"{part} labels: from {labels.min()} to {labels.max()}, expected 0 to 9")
        if len(images) != len(labels):
            mistakes.append(f"{part}: {len(images)} images but {len(labels)} labels")
    if mistakes:
        raise DataError(f"dataset '{name}' is not what it should be:\n  " + "\n  ".join(mistakes))
