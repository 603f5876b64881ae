import pytest
import torch
from torch import nn

from digitrec.models._size import n_features, output_shape
from tests.tiny import COLOUR, IMAGE


def _layers(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 5), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.MaxPool2d(2))


def test_the_size_follows_from_the_image() -> None:
    assert output_shape(_layers(1), IMAGE) == (4, 12, 12)
    assert n_features(_layers(1), IMAGE) == 576
    assert (COLOUR.height, COLOUR.width) == (20, 24)
    assert n_features(_layers(3), COLOUR) == 4 * 8 * 10


def test_asking_draws_nothing_and_leaves_the_layers_as_they_were() -> None:
    layers = _layers(1)
    before = {key: value.clone() for key, value in layers.state_dict().items()}
    state = torch.get_rng_state()
    n_features(layers, IMAGE)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in layers.state_dict().items())
    assert all(layer.training for layer in layers.modules())
    assert all(weight.grad is None for weight in layers.parameters())


def test_an_image_that_is_too_small_is_refused() -> None:
    with pytest.raises(RuntimeError):
        n_features(_layers(1), IMAGE.model_copy(update={"width": 4}))
