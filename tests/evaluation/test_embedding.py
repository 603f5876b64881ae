import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from digitrec.evaluation.embedding import embed, embedding_rows

DIGITS = load_digits()
LABELS = DIGITS.target[:300]
# In colours, of which two are black.
IMAGES = np.stack([(DIGITS.images[:300] * 15).astype(np.uint8), *np.zeros((2, 300, 8, 8), np.uint8)], axis=3)


def test_images_of_a_class_lie_together() -> None:
    points = embed(IMAGES, 0)
    assert points.shape == (300, 2)
    assert points.dtype == np.float64
    neighbours = KNeighborsClassifier(6).fit(points, LABELS)
    # Each image is one of its own six neighbours.
    assert neighbours.score(points, LABELS) > 0.9


def test_places_are_the_same_for_the_same_seed_on_any_number_of_threads() -> None:
    def places(seed: int, threads: int) -> np.ndarray:
        with threadpool_limits(threads):
            return embed(IMAGES[:150], seed)

    first = places(0, 1)
    np.testing.assert_array_equal(first, places(0, 2))
    assert not np.array_equal(first, places(1, 1))


@pytest.mark.parametrize("n", [2, 4, 9, 40])
def test_few_images_can_be_embedded(n: int) -> None:
    points = embed(IMAGES[:n], 0)
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == n


def test_images_of_one_pixel_and_images_that_are_all_alike_can_be_embedded() -> None:
    assert np.isfinite(embed(IMAGES[:30, 14:15, 14:15], 0)).all()
    np.testing.assert_array_equal(embed(np.full((12, 5, 5, 1), 7, np.uint8), 0), np.zeros((12, 2)))


def test_progress_is_told(capfd: pytest.CaptureFixture) -> None:
    embed(IMAGES[:50], 0)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("t-SNE of 50 images:   0%")
    assert "750/750" in lines[-1]
    assert "divergence" in lines[-1]


def test_rows_hold_places_and_class_names() -> None:
    rows = embedding_rows(np.array([[1.23456, -2.0], [0.0, 3.5]]), np.array([1, 0], np.uint8), ["Greek/alpha", "ox"])
    assert rows == [{"x": 1.2346, "y": -2.0, "label": "ox"}, {"x": 0.0, "y": 3.5, "label": "Greek/alpha"}]
