"""A dataset in memory and on disk: arrays of images and labels, and what they are."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from digitrec.errors import ArtifactError, DataError
from digitrec.pipeline.files import read_array, read_json, write_array, write_json
from digitrec.spec import DatasetSpec, Normalization, mistakes_of

PARTS = ("train", "test")


class ImageDataset(NamedTuple):
    """Images, uint8 of shape (n, height, width, channels); labels, integers of shape (n,), from 0 to classes - 1."""

    spec: DatasetSpec
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def label_dtype(n_classes: int) -> np.dtype:
    """Give the smallest kind of integer that numbers so many classes."""
    return np.min_scalar_type(n_classes - 1)


def check_dataset(dataset: ImageDataset) -> None:
    """Check shapes, kinds and ranges.

    Raises
    ------
    DataError
        Naming everything that is wrong.
    """
    image = dataset.spec.image
    expected = f"uint8 (n, {', '.join(map(str, image.shape))})"
    mistakes = []
    for part in PARTS:
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != image.shape or not len(images):
            mistakes.append(f"{part} images: got {images.dtype} of shape {images.shape}, expected {expected}")
        if labels.ndim != 1 or labels.dtype.kind not in "ui":
            mistakes.append(f"{part} labels: got {labels.dtype} of shape {labels.shape}, expected integers (n,)")
        elif len(labels) and (labels.min() < 0 or labels.max() >= image.n_classes):
            most = image.n_classes - 1
            mistakes.append(f"{part} labels: from {labels.min()} to {labels.max()}, expected 0 to {most}")
        if len(images) != len(labels):
            mistakes.append(f"{part}: {len(images)} images but {len(labels)} labels")
    if mistakes:
        raise DataError(f"dataset '{dataset.spec.name}' is not what it should be:\n  " + "\n  ".join(mistakes))


def write_dataset(folder: Path, dataset: ImageDataset) -> None:
    """Write `train` and `test` with `images.npy` and `labels.npy` each, and `dataset.json`, into a folder."""
    kind = label_dtype(dataset.spec.image.n_classes)
    for part in PARTS:
        write_array(folder / part / "images.npy", getattr(dataset, f"{part}_images"))
        write_array(folder / part / "labels.npy", getattr(dataset, f"{part}_labels").astype(kind))
    write_json(folder / "dataset.json", dataset.spec.model_dump(mode="json"))


def read_dataset_spec(path: Path) -> DatasetSpec:
    """Read `dataset.json`.

    Raises
    ------
    ArtifactError
        When it is missing, damaged, or describes no dataset.
    """
    try:
        return DatasetSpec.model_validate(read_json(path))
    except ValidationError as error:
        raise ArtifactError(
            f"{path}: describes no dataset ({mistakes_of(error)}). Run `dvc repro download` to make it."
        ) from error


def read_part(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Map images and labels of `train` or `test`, as `write_dataset` wrote them."""
    return read_array(folder / "images.npy"), read_array(folder / "labels.npy")


def read_normalization(path: Path) -> Normalization:
    """Read mean and standard deviation of the pixels, as stage `normalize-stats` wrote them."""
    statistics = read_json(path)
    return Normalization(mean=statistics["mean"], std=statistics["std"])


def spread(n: int, count: int) -> np.ndarray:
    """Choose `count` of n rows, evenly spread (MNIST's first half is the easier one), or all if there are fewer."""
    count = min(n, count)
    return np.arange(count) * n // count
