import torch

from digitrec.models import resnet18
from tests.tiny import IMAGE


def test_resnet18_has_the_published_parameters() -> None:
    network = resnet18.build(IMAGE)
    assert sum(p.numel() for p in network.parameters()) == 11_175_370
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
