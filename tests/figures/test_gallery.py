from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from digitrec.figures.gallery import answer_title, draw_gallery, errors_figure, gallery
from digitrec.figures.style import MOST_WIDTH
from tests.figures.pictures import DIGITS, MANY, check_png, shown, some_images, texts


def test_each_image_is_in_its_place_under_its_title() -> None:
    images = some_images(13)
    figure = gallery(images, [f"no. {k}" for k in range(13)], "Thirteen", columns=5)
    assert texts(figure) == ["Thirteen", *(f"no. {k}" for k in range(13))]
    for drawn, image in zip(shown(figure), images, strict=True):
        np.testing.assert_array_equal(drawn, image[..., 0])
    [axes] = figure.axes
    boxes = [image.get_extent() for image in axes.images]
    titles = [text.get_position() for text in axes.texts[1:]]
    for box, (x, y) in zip(boxes, titles, strict=True):
        left, right, bottom, top = box
        assert x == pytest.approx((left + right) / 2)
        assert y < top < bottom
    # Five a row, in order, none over another.
    assert [len({round(box[3], 6) for box in boxes[k : k + 5]}) for k in (0, 5, 10)] == [1, 1, 1]
    assert boxes[0][1] < boxes[1][0]
    assert boxes[0][2] < titles[5][1] < boxes[5][3]


@pytest.mark.parametrize(("ink", "colours"), [(True, "gray_r"), (False, "gray")])
def test_ink_is_black_and_light_is_white(ink: bool, colours: str) -> None:
    [image] = gallery(some_images(1), ["x"], "One", ink=ink).axes[0].images
    assert image.get_cmap().name == colours
    # As it is, not stretched from its own lowest to its own highest value.
    assert image.get_clim() == (0, 255)


def test_colours_are_drawn_as_they_are_and_shapes_are_kept() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 10, 20, 3), np.uint8)
    figure = gallery(images, ["a", "b"], "Two")
    np.testing.assert_array_equal(shown(figure)[1], images[1])
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert right - left == pytest.approx(2 * (bottom - top))


def test_long_titles_get_room_and_the_picture_stays_narrow(tmp_path: Path) -> None:
    figure = gallery(some_images(30), MANY[:30], "Thirty")
    assert figure.get_figwidth() <= MOST_WIDTH
    check_png(figure, tmp_path)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (64, 3)])
def test_every_kind_of_image_gives_a_small_picture(tmp_path: Path, side: int, channels: int) -> None:
    check_png(gallery(some_images(12, side, channels), [*DIGITS, "a", "b"], "Twelve"), tmp_path)


def test_nothing_can_be_drawn_too(tmp_path: Path) -> None:
    check_png(gallery(some_images(0), [], "Nothing"), tmp_path)


def test_a_gallery_fits_into_a_part_of_a_figure() -> None:
    figure = Figure(figsize=(10, 5))
    _, right = figure.subfigures(1, 2)
    draw_gallery(right, some_images(30), ["7 → 1\n90 %"] * 30, "Thirty", columns=6)
    [axes] = right.axes
    assert len(axes.images) == 30
    for image in axes.images:
        left, right_edge, bottom, _ = image.get_extent()
        assert 0 <= left < right_edge <= 5
        assert bottom <= 5


def test_answers_are_short_where_names_are_and_else_broken() -> None:
    assert answer_title("7", "2", 0.896) == "7 → 2\n90 %"
    assert (
        answer_title("Greek/character03", "Greek/character11", 0.5)
        == "Greek/\ncharacter03\n→ Greek/\ncharacter11\n50 %"
    )


def test_the_most_confident_wrong_answers_are_drawn_first() -> None:
    images, labels = some_images(5), np.array([0, 1, 2, 0, 1])
    probabilities = np.array([[0.4, 0.6, 0], [0, 1, 0], [0.9, 0, 0.1], [0, 0.3, 0.7], [0, 1, 0]])
    figure = errors_figure(images, labels, probabilities, ["cat", "dog", "ox"], 2, True)
    assert texts(figure) == [
        "Wrong answers: 2 of 3, the most confident first (label → predicted, probability)",
        "ox → cat\n90 %",
        "cat → ox\n70 %",
    ]
    np.testing.assert_array_equal(shown(figure)[0], images[2, ..., 0])
    np.testing.assert_array_equal(shown(figure)[1], images[3, ..., 0])


def test_a_perfect_network_has_an_empty_gallery() -> None:
    figure = errors_figure(some_images(2), np.array([0, 1]), np.eye(2), ["a", "b"], 60, False)
    assert texts(figure)[0].startswith("Wrong answers: 0 of 0")
