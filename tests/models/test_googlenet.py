import torch

from digitrec.models import googlenet
from tests.tiny import IMAGE


def test_googlenet_has_the_published_parameters_and_two_auxiliary_classifiers_while_trained() -> None:
    network = googlenet.build(IMAGE)
    assert sum(p.numel() for p in network.parameters()) == 9_954_366
    outputs = network.train()(torch.zeros(3, 1, 28, 28))
    assert isinstance(outputs, tuple)
    assert [output.shape for output in outputs] == [(3, 10)] * 3
    assert network.eval()(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
