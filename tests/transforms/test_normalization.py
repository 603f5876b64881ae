import numpy as np
import pytest
import torch

from digitrec.spec import Normalization
from digitrec.transforms.normalization import Normalize
from digitrec.transforms.pixels import to_pixels
from tests.tiny import some_colours, some_digits


def test_it_is_subtraction_and_division_of_scaled_pixels() -> None:
    images = some_digits(100)[0]
    found = Normalize(Normalization(mean=0.1307, std=0.3081))(to_pixels(images))
    assert found.shape == (100, 1, 28, 28)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found[:, 0].numpy(), (images[..., 0] / 255 - 0.1307) / 0.3081, atol=2e-6)


def test_each_channel_has_its_own_statistics_and_one_number_is_for_all() -> None:
    images = some_colours(50)[0]
    mean, std = (0.2, 0.5, 0.7), (0.1, 0.3, 0.25)
    found = Normalize(Normalization(mean=mean, std=std))(to_pixels(images)).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, (images / 255 - np.array(mean)) / np.array(std), atol=5e-6)
    found = Normalize(Normalization(mean=0.1, std=0.3))(to_pixels(images)).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, (images / 255 - 0.1) / 0.3, atol=2e-6)


def test_it_has_no_weights_and_adds_nothing_to_a_state() -> None:
    normalize = Normalize(Normalization(mean=0.1, std=0.3))
    assert not list(normalize.parameters())
    assert normalize.state_dict() == {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_it_goes_where_its_network_goes() -> None:
    normalize = Normalize(Normalization(mean=0.1, std=0.3)).to("cuda")
    assert normalize(torch.zeros(1, 1, 2, 2, device="cuda")).device.type == "cuda"


def test_a_gradient_reaches_the_pixels() -> None:
    pixels = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    Normalize(Normalization(mean=0.1, std=0.25))(pixels).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.unique().item() == pytest.approx(4)
