from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgba

from digitrec.figures.embedding import MOST_NAMES, embedding_figure
from tests.figures.pictures import DIGITS, MANY, check_png

LABELS = np.arange(300) % 10
POINTS = np.random.default_rng(0).normal(size=(300, 2)) + 9 * np.stack([LABELS % 4, LABELS // 4], 1)


def _rows(points: np.ndarray, labels: np.ndarray, classes: list[str]) -> list[dict[str, str]]:
    return [{"x": f"{x}", "y": f"{y}", "label": classes[k]} for (x, y), k in zip(points, labels, strict=True)]


def test_every_point_has_its_class_s_colour_and_every_name_stands_among_its_points() -> None:
    axes = embedding_figure(_rows(POINTS, LABELS, DIGITS)).axes[0]
    [dots] = axes.collections
    np.testing.assert_allclose(dots.get_offsets(), POINTS)
    np.testing.assert_array_equal(dots.get_array(), LABELS)
    assert sorted(text.get_text() for text in axes.texts) == DIGITS
    for text in axes.texts:
        k = int(text.get_text())
        assert np.linalg.norm(POINTS[k == LABELS].mean(0) - text.get_position()) < 1.5
        assert to_rgba(text.get_bbox_patch().get_edgecolor()) == tuple(dots.to_rgba(k))
    assert axes.get_title() == "t-SNE of 300 training images, coloured by class"


def test_the_name_of_a_class_in_two_parts_stands_in_the_larger_one() -> None:
    points = np.concatenate([POINTS[:60] - 50, POINTS[:40] + 50])
    [text] = embedding_figure(_rows(points, np.full(100, 5), DIGITS)).axes[0].texts
    assert max(text.get_position()) < 0


def test_names_of_many_classes_do_not_cover_each_other(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(136), 5)
    points = np.random.default_rng(0).normal(size=(680, 2)) + 9 * np.stack([labels % 12, labels // 12], 1)
    figure = embedding_figure(_rows(points, labels, MANY))
    check_png(figure, tmp_path)
    [axes] = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert 10 < len(boxes) <= MOST_NAMES
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert axes.get_title().endswith(f"({len(boxes)} of 136 classes are named)")
    colours = {tuple(axes.collections[0].to_rgba(k)) for k in range(136)}
    assert len(colours) == 136


def test_the_picture_is_small(tmp_path: Path) -> None:
    check_png(embedding_figure(_rows(POINTS, LABELS, DIGITS)), tmp_path)
