from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from digitrec.embedding import embed, embedding_figure
from digitrec.plots import save_figure
from tests.tiny import some_digits

IMAGES, LABELS = some_digits(300)
POINTS = np.random.default_rng(0).normal(size=(300, 2)) + 9 * np.stack([LABELS % 4, LABELS // 4], 1)


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


@pytest.mark.parametrize("n", [10, 40])
def test_few_images_can_be_embedded(n: int) -> None:
    assert np.isfinite(embed(IMAGES[:n], 0)).all()


def test_progress_is_told(capfd: pytest.CaptureFixture) -> None:
    embed(IMAGES[:50], 0)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("t-SNE of 50 images:   0%")
    assert "750/750" in lines[-1]
    assert "divergence" in lines[-1]


def test_the_figure_shows_every_point_in_its_label_s_colour() -> None:
    axes = embedding_figure(POINTS, LABELS).axes[0]
    dots = axes.collections[0]
    np.testing.assert_array_equal(dots.get_offsets(), POINTS)
    np.testing.assert_array_equal(dots.get_array(), LABELS)
    assert [text.get_text() for text in axes.texts] == [str(k) for k in range(10)]
    for k, text in enumerate(axes.texts):
        assert np.linalg.norm(POINTS[k == LABELS].mean(0) - text.get_position()) < 1.5
        assert to_rgba(text.get_bbox_patch().get_edgecolor()) == dots.to_rgba(k)
    assert axes.get_title() == "t-SNE of 300 training images, coloured by label"


def test_the_label_of_a_class_in_two_parts_stands_in_the_larger_one() -> None:
    points = np.concatenate([POINTS[:60] - 50, POINTS[:40] + 50])
    (text,) = embedding_figure(points, np.full(100, 5)).axes[0].texts
    assert max(text.get_position()) < 0


def test_the_figure_is_small_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    for copy in ("one.png", "two.png"):
        save_figure(embedding_figure(POINTS, LABELS), tmp_path / copy)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert 5_000 < len(content) < 300_000
