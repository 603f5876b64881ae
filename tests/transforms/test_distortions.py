import cv2
import numpy as np
import pytest
import torch

from digitrec.spec import Hardening
from digitrec.transforms.distortions import distort, draw_amounts
from digitrec.transforms.pixels import to_pixels
from tests.tiny import some_colours, some_digits

PIXELS = to_pixels(some_digits(400)[0])
COLOURS = to_pixels(some_colours(200)[0])
KINDS = {
    "filter": 0.9,
    "outline": 0.9,
    "background": 0.9,
    "line": 0.9,
    "patch": 0.3,
    "specks": 0.3,
    "noise": 0.3,
}


def _distort(seed: int = 0, pixels: torch.Tensor = PIXELS, **most: float) -> torch.Tensor:
    return distort(pixels, Hardening(**most), torch.Generator().manual_seed(seed))


def test_a_hardening_without_amounts_does_nothing() -> None:
    assert torch.equal(_distort(), PIXELS)
    assert torch.equal(_distort(adversarial=0.3), PIXELS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_comes_to_half_of_the_images_and_keeps_the_range_of_pixels(kind: str) -> None:
    before = PIXELS.clone()
    changed = _distort(**{kind: KINDS[kind]})
    assert torch.equal(PIXELS, before)
    assert changed.shape == PIXELS.shape
    assert changed.dtype == torch.float32
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    assert 0.4 < float((changed != PIXELS).any(3).any(2).float().mean()) < 0.6


def test_each_kind_comes_to_the_share_that_is_said() -> None:
    for share in (0.1, 1.0):
        changed = (_distort(share=share, noise=0.3) != PIXELS).any(3).any(2).float().mean()
        assert abs(float(changed) - share) < 0.05


def test_of_a_few_images_none_may_be_chosen() -> None:
    for seed in range(20):
        assert _distort(seed, PIXELS[:2], share=0.1, **KINDS).shape == (2, 1, 28, 28)


def test_kinds_are_chosen_each_for_itself() -> None:
    changed = (_distort(**KINDS) != PIXELS).any(3).any(2).float().mean()
    assert 0.96 < float(changed) < 1


def test_a_generator_draws_all() -> None:
    assert torch.equal(_distort(**KINDS), _distort(**KINDS))
    assert not torch.equal(_distort(**KINDS), _distort(1, **KINDS))


def test_amounts_are_spread_evenly_up_to_the_most() -> None:
    amounts = draw_amounts(0.4, 0.5, torch.zeros(4000, 1, 2, 2), torch.Generator().manual_seed(0)).flatten()
    drawn = amounts[amounts > 0]
    assert len(drawn) == pytest.approx(2000, abs=150)
    assert float(drawn.max()) == pytest.approx(0.4, abs=0.001)
    assert float(drawn.mean()) == pytest.approx(0.2, abs=0.01)


def test_noise_has_the_deviation_that_was_drawn() -> None:
    grey = torch.full((400, 1, 28, 28), 0.5)
    deviations = (_distort(pixels=grey, noise=0.1) - grey).std((1, 2, 3))
    assert float(deviations.max()) == pytest.approx(0.1, rel=0.1)
    assert float(deviations[deviations > 0].mean()) == pytest.approx(0.05, rel=0.15)


def test_a_background_is_smooth_and_leaves_the_digit_visible() -> None:
    empty = torch.zeros(200, 1, 28, 28)
    smooth = _distort(pixels=empty, background=1.0)
    assert float(smooth.diff(dim=3).abs().max()) < 0.25
    assert len(torch.unique(smooth[:, 0, 0, 0])) > 80
    # Full ink stands as much above the background as is left of the image.
    inked = _distort(pixels=empty + 1, background=0.6) - _distort(pixels=empty, background=0.6)
    assert float(inked.amin()) == pytest.approx(0.4, abs=0.01)


def test_a_patch_is_one_grey_rectangle() -> None:
    changed = _distort(pixels=torch.full((200, 1, 28, 28), 2.0), patch=0.3)[:, 0]
    areas = []
    for image in changed:
        # What was above the range is cut off at 1; greys drawn are below it.
        rows, columns = torch.where(image < 1)
        if len(rows):
            area = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
            assert int(area) == len(rows)
            assert len(torch.unique(image[rows, columns])) == 1
            areas.append(int(area) / 784)
    assert 70 < len(areas) < 130
    assert max(areas) == pytest.approx(0.3, abs=0.05)


def test_an_outline_is_left_of_a_square_alone() -> None:
    square = torch.zeros(100, 1, 28, 28)
    square[:, :, 8:20, 8:20] = 1
    changed = _distort(share=1.0, pixels=square, outline=1.0)
    # Of the inside as much goes as comes around it.
    inside, around, outside = changed[:, 0, 14, 14], changed[:, 0, 7, 14], changed[:, 0, 3, 14]
    torch.testing.assert_close(inside, 1 - around)
    assert float(around.max()) == pytest.approx(1, abs=0.03)
    assert float(outside.max()) == 0


def test_a_line_is_thin_and_goes_from_point_to_point_over_the_image() -> None:
    lines = _distort(share=1.0, pixels=torch.zeros(200, 1, 28, 28), line=1.0)[:, 0]
    peaks = lines.amax((1, 2))
    assert float(peaks.max()) == pytest.approx(1, abs=0.03)
    # Thin, and across the middle more often than in a corner.
    covered = (lines > peaks.view(-1, 1, 1) / 5).float()
    assert 30 < float(covered.sum((1, 2)).mean()) < 130
    assert float(covered[:, 14, 14].mean()) > 2 * float(covered[:, 0, 0].mean())
    # In one piece.
    assert {cv2.connectedComponents(image.numpy().astype(np.uint8))[0] for image in covered} <= {1, 2}
    # Ink stays.
    assert bool((_distort(share=1.0, line=0.5) >= PIXELS).all())


def test_specks_come_to_a_share_of_the_pixels_as_drawn_and_leave_the_others() -> None:
    changed = _distort(share=1.0, pixels=torch.full((400, 1, 28, 28), 0.5), specks=0.2)
    speckled = changed != 0.5
    shares = speckled.float().mean((1, 2, 3))
    assert float(shares.max()) == pytest.approx(0.2, abs=0.05)
    assert float(shares.mean()) == pytest.approx(0.1, abs=0.01)
    greys = changed[speckled]
    assert float(greys.min()) < 0.01
    assert float(greys.max()) > 0.99
    assert float(greys.mean()) == pytest.approx(0.5, abs=0.01)


def test_a_filter_changes_texture_and_a_blank_image_stays_finite() -> None:
    assert torch.isfinite(_distort(pixels=torch.zeros(50, 1, 28, 28), filter=1.0)).all()
    # Somewhere the filter has turned ink into paper.
    changed = _distort(filter=1.0)
    assert bool(((PIXELS > 0.9) & (changed < 0.3)).any())


def _range(pixels: torch.Tensor) -> torch.Tensor:
    """Of each image, all channels together."""
    return pixels.amax((1, 2, 3)) - pixels.amin((1, 2, 3))


def test_a_grey_image_as_three_equal_channels_is_distorted_as_it_is_with_one_but_for_the_noise() -> None:
    kinds = {kind: most for kind, most in KINDS.items() if kind != "noise"}
    grey = _distort(**kinds)
    torch.testing.assert_close(_distort(pixels=PIXELS.repeat(1, 3, 1, 1), **kinds), grey.expand(-1, 3, -1, -1))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_comes_to_half_of_the_colour_images_and_keeps_the_range_of_pixels(kind: str) -> None:
    changed = _distort(pixels=COLOURS, **{kind: KINDS[kind]})
    assert changed.shape == COLOURS.shape
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    assert 0.4 < float((changed != COLOURS).flatten(1).any(1).float().mean()) < 0.6


def test_noise_is_another_in_each_channel() -> None:
    noise = _distort(pixels=torch.full((50, 3, 20, 24), 0.5), noise=0.1) - 0.5
    red, green, blue = noise.transpose(0, 1).flatten(1)
    assert abs(float(torch.corrcoef(torch.stack([red, green, blue]))[0, 1:].max())) < 0.05


def test_a_patch_of_a_colour_image_is_grey() -> None:
    changed = _distort(pixels=COLOURS, patch=0.3)
    covered = (changed != COLOURS).any(1)
    assert 0.02 < float(covered.float().mean()) < 0.2
    red, green, blue = (changed[:, channel][covered] for channel in range(3))
    assert torch.equal(red, green)
    assert torch.equal(red, blue)


def test_a_filter_keeps_channels_apart_and_brings_an_image_as_a_whole_to_the_range() -> None:
    # Blue alone changes: red and green are blank, and one filter leaves one level of each.
    pixels = torch.full((300, 3, 20, 24), 0.5)
    pixels[:, 2] = COLOURS[:1, 2]
    changed = _distort(pixels=pixels, filter=1.0)
    assert (changed[:, :2].amax((2, 3)) - changed[:, :2].amin((2, 3))).max() < 1e-5
    # On a channel alone there would be no range, and its level could only fall.
    assert float(changed[:, 0].max()) > 0.6
    # Of those that are changed nearly in full, some pixel is white and some black.
    assert float(_range(changed).max()) > 0.95
