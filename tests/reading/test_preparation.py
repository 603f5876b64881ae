import io

import numpy as np
import pytest
from PIL import Image

from digitrec.reading.decoding import ImageError, decode_picture
from digitrec.reading.digits import find_digit
from digitrec.reading.preparation import prepare
from digitrec.reading.resizing import fit_picture
from digitrec.spec import ImageSpec
from tests.drawing import drawn
from tests.exported import RED_GREEN_BLUE
from tests.reading.test_reader import cover_of, paper
from tests.tiny import IMAGE


def saved(pixels: np.ndarray, kind: str = "PNG", **settings: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **settings)
    return content.getvalue()


def test_handwriting_is_found_and_brought_to_mnists_form() -> None:
    _, content = drawn(8, paper="plain")
    with Image.open(io.BytesIO(content)) as image:
        expected = find_digit(np.asarray(image.convert("L")), IMAGE)
    prepared = prepare(content, "x", IMAGE)
    assert prepared.image.shape == (28, 28, 1)
    assert np.array_equal(prepared.image[..., 0], expected.pixels)
    assert prepared.box == expected.box


def test_blank_paper_holds_nothing_where_ink_is_looked_for() -> None:
    blank = saved(np.full((50, 60), 240, np.uint8))
    assert prepare(blank, "x", IMAGE) is None
    taken = prepare(blank, "x", RED_GREEN_BLUE)
    assert (taken.image == 240).all()
    assert taken.box is None


def test_networks_for_colour_get_handwriting_in_three_equal_channels() -> None:
    image = ImageSpec(height=32, width=32, channels=3, classes=IMAGE.classes, preparation="mnist")
    prepared = prepare(drawn(8, paper="plain")[1], "x", image)
    assert prepared.image.shape == (32, 32, 3)
    assert (prepared.image == prepared.image[..., :1]).all()


def test_a_picture_is_taken_whole_as_in_training() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 90, 3), np.uint8)
    prepared = prepare(saved(pixels), "x", RED_GREEN_BLUE)
    assert np.array_equal(prepared.image, fit_picture(decode_picture(saved(pixels), "x"), RED_GREEN_BLUE))
    assert prepared.box is None


def test_a_large_photograph_looks_the_same_decoded_at_a_part_of_its_size() -> None:
    y, x = np.mgrid[:1200, :1800] / 300
    pixels = (127 + 120 * np.dstack([np.sin(x), np.cos(y), np.sin(x + y)])).astype(np.uint8)
    content = saved(pixels, "JPEG", quality=95)
    whole = fit_picture(decode_picture(content, "x"), RED_GREEN_BLUE)
    assert abs(prepare(content, "x", RED_GREEN_BLUE).image.astype(int) - whole).max() <= 4


@pytest.mark.parametrize("image", [IMAGE, RED_GREEN_BLUE])
def test_what_is_no_image_is_refused_whatever_the_preparation(image: ImageSpec) -> None:
    with pytest.raises(ImageError, match=r"^photo\.png: is no image"):
        prepare(b"hello", "photo.png", image)


@pytest.mark.parametrize(("refuses", "several"), [(True, 2), (False, 0)])
def test_digits_are_counted_by_a_network_that_tells_them_from_what_is_none(refuses: bool, several: int) -> None:
    class Sure:
        image = IMAGE

        def __init__(self) -> None:
            self.refuses = refuses

        def probabilities(self, images: np.ndarray) -> np.ndarray:
            return np.repeat([[1.0, *[0.0] * 9]], len(images), 0)

    two = saved(paper(cover_of(["42"])))
    assert prepare(two, "x", IMAGE, Sure()).several == several
