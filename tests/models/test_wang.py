import pytest
import torch

from digitrec.models import wang
from tests.tiny import IMAGE


@pytest.mark.parametrize("dropout", [0.5, 0])
def test_wang_has_the_assumed_tutorial_networks_parameters(dropout: float) -> None:
    network = wang.build(IMAGE, dropout)
    assert sum(p.numel() for p in network.parameters()) == 21_840
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_only_dropout_makes_two_passes_differ() -> None:
    images = torch.rand(3, 1, 28, 28)
    plain, dropping = wang.build(IMAGE, 0).train(), wang.build(IMAGE, 0.5).train()
    assert torch.equal(plain(images), plain(images))
    assert not torch.equal(dropping(images), dropping(images))
