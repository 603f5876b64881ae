"""Small real data and small networks that many tests share."""

import gzip
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import RemoteFile
from digitrec.data.sources import digits
from digitrec.pipeline.files import write_array
from digitrec.search.cells import Problem
from digitrec.spec import DatasetSpec, ImageSpec, Normalization, Recipe, TrainingSpec
from digitrec.training.classifier import ImageClassifier, build_classifier

ROOT = Path(__file__).parents[1]
MODERN = Recipe(loss_input="logits", schedule="one_cycle", valid_fraction=0.1, rotation=5.0, scale=0.05, shift=1.0)
PLAIN = Recipe(loss_input="logits", schedule="constant", valid_fraction=0.2, rotation=0.0, scale=0.0, shift=0.0)
PAPER = Recipe(loss_input="softmax", schedule="constant", valid_fraction=0.2, rotation=0.0, scale=0.0, shift=0.0)
NORMALIZATION = Normalization(mean=0.3, std=0.35)
DIGITS = tuple("0123456789")
IMAGE = ImageSpec(height=28, width=28, channels=1, classes=DIGITS, preparation="mnist")
COLOUR = ImageSpec(height=20, width=24, channels=3, classes=("cat", "dog", "Elch"), preparation="resize")
DATASET = DatasetSpec(name="digits", title="handwritten digits", licence="unknown", image=IMAGE)
SMALL_MLP = {"hidden_1": 32, "hidden_2": 16}
SMALL_MNISTNET = {"num_units": 4, "out_units": 6, "fout_units": 8}


@cache
def all_digits() -> ImageDataset:
    return digits.load(None)


def some_digits(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first n training images, which are in random order, and their labels."""
    data = all_digits()
    return data.train_images[:n], data.train_labels[:n].astype(np.int64)


def some_colours(n: int, image: ImageSpec = COLOUR) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise on a ground of one colour a class, and their labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, image.n_classes, n)
    labels[: image.n_classes] = np.arange(image.n_classes)
    grounds = np.random.default_rng(1).integers(40, 216, (image.n_classes, image.channels))
    images = grounds[labels][:, None, None] + rng.integers(-40, 41, (n, *image.shape))
    return images.clip(0, 255).astype(np.uint8), labels


def small_training(model: str = "mlp", architecture: dict | None = None, **settings: Any) -> TrainingSpec:
    if architecture is None:
        architecture = {"mlp": SMALL_MLP, "mnistnet": SMALL_MNISTNET}.get(model, {})
    defaults = {
        "lr": 0.003,
        "max_epochs": 2,
        "batch_size": 32,
        "optimizer": "adam",
        "recipe": PLAIN,
        "normalization": NORMALIZATION,
        "seed": 0,
    }
    return TrainingSpec(model=model, architecture=architecture, **(defaults | settings))


def small_classifier(
    model: str = "mlp", architecture: dict | None = None, image: ImageSpec = IMAGE, **settings: Any
) -> ImageClassifier:
    torch.set_num_threads(1)
    of_build = {
        key: settings.pop(key) for key in ("images", "train_labels", "valid", "device", "callbacks") if key in settings
    }
    return build_classifier(small_training(model, architecture, **settings), image, verbose=0, **of_build)


def weights_of(classifier: ImageClassifier) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in classifier.module_.state_dict().items()}


def same_weights(first: ImageClassifier, second: ImageClassifier) -> bool:
    one, two = weights_of(first), weights_of(second)
    assert one.keys() == two.keys()
    return all(torch.equal(one[key], two[key]) for key in one)


def small_problem(
    folder: Path, n: int = 300, model: str = "mlp", recipe: Recipe = PLAIN, seed: int = 0, image: ImageSpec = IMAGE
) -> Problem:
    images, labels = some_digits(n) if image == IMAGE else some_colours(n, image)
    write_array(folder / "images.npy", images)
    write_array(folder / "labels.npy", labels.astype(np.uint8))
    return Problem(folder / "images.npy", folder / "labels.npy", image, model, recipe, NORMALIZATION, seed)


def idx_bytes(array: np.ndarray) -> bytes:
    """An array as an IDX file, unpacked; uint8 or int32."""
    code = {"u1": 0x08, "i4": 0x0C}[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def fetch_from(folder: Path, asked: list[RemoteFile]) -> Callable[[RemoteFile], Path]:
    """A fetch that takes files from a folder, whatever their checksums, and notes what it was asked for."""

    def fetch(file: RemoteFile) -> Path:
        asked.append(file)
        return folder / file.name

    return fetch


def write_idx_files(folder: Path, names: list[str], arrays: list[np.ndarray]) -> None:
    for name, array in zip(names, arrays, strict=True):
        (folder / name).write_bytes(gzip.compress(idx_bytes(array)))


@cache
def fit_baseline(baseline: ModuleType, seed: int = 0) -> BaseEstimator:
    images, labels = some_digits(400)
    return baseline.build(seed).fit(images.reshape(400, -1) / 255, labels)


def baseline_predictions(model: BaseEstimator) -> np.ndarray:
    return model.predict(all_digits().test_images.reshape(360, -1) / 255)


def baseline_accuracy(baseline: ModuleType) -> float:
    return float((baseline_predictions(fit_baseline(baseline)) == all_digits().test_labels).mean())
