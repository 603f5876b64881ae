import pytest
import torch

from digitrec.models import shah
from tests.tiny import IMAGE


# Of the third convolution: 73,856 parameters, and 1,152 features in place of 3,136.
@pytest.mark.parametrize(
    ("architecture", "expected"),
    [({}, 421_642), ({"dropout": 0.5}, 421_642), ({"third_convolution": 128}, 421_642 + 73_856 - 128 * (3136 - 1152))],
)
def test_shah_has_the_reports_parameters(architecture: dict, expected: int) -> None:
    network = shah.build(IMAGE, **architecture)
    assert sum(p.numel() for p in network.parameters()) == expected
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
