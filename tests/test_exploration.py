from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from digitrec.exploration import (
    KINDS,
    SAMPLES_A_CLASS,
    amounts,
    augmentation_figure,
    classes_figure,
    means_figure,
    samples_figure,
)
from digitrec.images import augmentation_of
from digitrec.params import Hardening, Recipe
from digitrec.plots import save_figure
from tests.tiny import MODERN, PLAIN, some_digits

IMAGES, LABELS = some_digits(200)
SHAH = Recipe(rotation=10.0, crop_area=[0.7, 1.0], crop_ratio=[0.9, 1.1], shift=2.8)


def _shown(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def _rows(figure: Figure) -> dict[str, np.ndarray]:
    """Images by the row's name, of shape (10, 28, 28) each."""
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    return dict(zip(names, np.stack(_shown(figure)).reshape(len(names), 10, 28, 28), strict=True))


def test_samples_are_the_first_of_each_class_in_its_column() -> None:
    figure = samples_figure(IMAGES, LABELS)
    assert [axes.get_title() for axes in figure.axes] == [str(k) for k in range(10)] * SAMPLES_A_CLASS
    second_seven = np.flatnonzero(LABELS == 7)[1]
    np.testing.assert_array_equal(_shown(figure)[17], IMAGES[second_seven])


@pytest.mark.parametrize("n", [20, 60])
def test_samples_can_be_drawn_of_few_images(n: int) -> None:
    assert _shown(samples_figure(IMAGES[:n], LABELS[:n]))


def test_every_kind_of_augmentation_has_a_row_of_the_same_images_and_the_recipe_the_last() -> None:
    rows = _rows(augmentation_figure(IMAGES, LABELS, "modern", MODERN, 0))
    assert list(rows) == [
        "as they are",
        "rotation ±25°",
        "scale ±25 %",
        "shift ±4 px",
        "crop to 50–90 %\nof the area,\nratio 0.75–1.33",
        "recipe modern:\nrotation ±5°\nscale ±5 %\nshift ±1 px",
    ]
    plain = rows.pop("as they are")
    first = [np.flatnonzero(k == LABELS)[0] for k in range(10)]
    np.testing.assert_allclose(plain, IMAGES[first] / 255, atol=1e-6)
    for name, row in rows.items():
        changed = np.abs(row - plain).max((1, 2)) > 0.05
        assert changed.sum() >= 8, name
        assert np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(plain, row, strict=True)]) > 0.2, name
    # Less rotation, scale and shift than each alone: what the recipe gives is more like the original.
    distance = {name: np.abs(row - plain).mean() for name, row in rows.items()}
    assert min(distance, key=distance.get).startswith("recipe modern")


def test_a_kind_alone_is_one_kind() -> None:
    assert [len(amounts(kind)) for kind in KINDS] == [1] * 4
    whole = set().union(*(amounts(kind) for kind in KINDS))
    assert len(whole) == 4


def test_amounts_name_what_a_recipe_does_and_nothing_else() -> None:
    expected = ["rotation ±10°", "shift ±2.8 px", "crop to 70–100 %\nof the area,\nratio 0.9–1.1"]
    assert amounts(augmentation_of(SHAH)) == expected
    assert amounts(augmentation_of(Recipe(flagged_ones=0.5))) == ["a flag on 50 %\nof the ones"]


def test_only_the_one_gets_a_flag() -> None:
    rows = _rows(augmentation_figure(IMAGES, LABELS, "flags", Recipe(flagged_ones=1.0), 0))
    before, after = rows["as they are"], list(rows.values())[-1]
    assert np.flatnonzero(np.abs(after - before).max((1, 2)) > 0.05).tolist() == [1]


def test_without_augmentation_the_recipe_s_row_is_unchanged_and_says_so() -> None:
    rows = _rows(augmentation_figure(IMAGES, LABELS, "paper", PLAIN, 0))
    np.testing.assert_array_equal(rows["recipe paper:\nnone"], rows["as they are"])


@pytest.mark.parametrize(("recipe", "lines"), [(PLAIN, ""), (MODERN, "rotation ±5°\nscale ±5 %\nshift ±1 px\n")])
def test_a_recipe_that_hardens_shows_its_distortions_too(recipe: Recipe, lines: str) -> None:
    hard = recipe.model_copy(update={"hardening": Hardening(background=1.0)})
    before = list(_rows(augmentation_figure(IMAGES, LABELS, "robust", recipe, 0)).values())[-1]
    name, after = list(_rows(augmentation_figure(IMAGES, LABELS, "robust", hard, 0)).items())[-1]
    assert name == f"recipe robust:\n{lines}distortions"
    assert 2 <= (np.abs(after - before).max((1, 2)) > 0.05).sum() <= 8


def test_the_seed_alone_decides_the_amounts() -> None:
    one, same, other = (_shown(augmentation_figure(IMAGES, LABELS, "modern", MODERN, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(np.stack(one) - np.stack(other)).max() > 0.1


def test_bars_are_the_counts_of_training_and_test() -> None:
    figure = classes_figure(LABELS, LABELS[:50])
    assert [axes.get_title().partition(" (")[0] for axes in figure.axes] == ["Training: 200 images", "Test: 50 images"]
    for axes, labels in zip(figure.axes, (LABELS, LABELS[:50]), strict=True):
        counts = [int((labels == k).sum()) for k in range(10)]
        assert [bar.get_width() for bar in axes.patches] == counts
        assert [text.get_text() for text in axes.texts] == [str(count) for count in counts]
        assert set(axes.lines[0].get_xdata()) == {len(labels) / 10}


def test_means_are_those_of_each_class() -> None:
    figure = means_figure(IMAGES, LABELS)
    assert [axes.get_title() for axes in figure.axes] == [str(k) for k in range(10)]
    np.testing.assert_allclose(_shown(figure)[3], IMAGES[LABELS == 3].astype(float).mean(0))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: samples_figure(IMAGES, LABELS),
        lambda: augmentation_figure(IMAGES, LABELS, "shah", SHAH, 0),
        lambda: classes_figure(LABELS, LABELS),
        lambda: means_figure(IMAGES, LABELS),
    ],
    ids=["samples", "augmentation", "classes", "means"],
)
def test_figures_are_small_and_the_same_bytes_each_time(tmp_path: Path, draw: Callable[[], Figure]) -> None:
    for copy in ("one.png", "two.png"):
        save_figure(draw(), tmp_path / copy)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert 2_000 < len(content) < 300_000
