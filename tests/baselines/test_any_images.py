"""Every baseline takes any number of pixels, images and classes."""

import importlib

import numpy as np
import pytest

from digitrec.config.params import known_names


@pytest.mark.parametrize("name", known_names("baselines"))
@pytest.mark.parametrize(
    ("n_images", "n_pixels", "n_classes"),
    # Few images of many classes, few pixels, few images.
    [(272, 64, 136), (60, 4, 3), (20, 300, 10)],
)
def test_few_images_and_many_classes_are_no_trouble(name: str, n_images: int, n_pixels: int, n_classes: int) -> None:
    labels = (np.arange(n_images) % n_classes).astype(np.uint8)
    rng = np.random.default_rng(0)
    grounds = rng.random((n_classes, n_pixels), np.float32)
    pixels = grounds[labels] + 0.02 * rng.random((n_images, n_pixels), np.float32)
    baseline = importlib.import_module(f"digitrec.baselines.{name}")
    model = baseline.build(0).fit(pixels, labels)
    predicted = model.predict(pixels)
    assert set(predicted) <= set(labels)
    assert np.mean(predicted == labels) > 0.4
    assert baseline.n_parameters(model) > 0
