import numpy as np
import pytest

from digitrec.baselines import svm
from tests.tiny import baseline_accuracy, fit_baseline


def test_it_recognizes_digits() -> None:
    assert baseline_accuracy(svm) > 0.9


def test_parameters_are_counted() -> None:
    model = fit_baseline(svm)
    n_vectors = int(model[-1].n_support_.sum())
    # A mean and 50 components; vectors of 50; for each pair of classes coefficients and an intercept.
    assert svm.n_parameters(model) == 784 + 50 * 784 + 50 * n_vectors + 9 * n_vectors + 45


@pytest.mark.parametrize(("n_images", "n_pixels"), [(30, 784), (200, 12), (200, 784)])
def test_there_are_no_more_components_than_images_or_pixels(n_images: int, n_pixels: int) -> None:
    pixels = np.random.default_rng(0).random((n_images, n_pixels), np.float32)
    labels = np.arange(n_images) % 3
    model = svm.build(0).fit(pixels + labels[:, None], labels)
    assert len(model[0].pca_.components_) == min(50, n_images, n_pixels)
    assert np.mean(model.predict(pixels + labels[:, None]) == labels) > 0.9
