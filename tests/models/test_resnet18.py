import pytest
import torch
from torch import nn

from digitrec.models import resnet18
from tests.tiny import IMAGE


def test_resnet18_has_the_published_parameters() -> None:
    network = resnet18.build(IMAGE)
    assert sum(p.numel() for p in network.parameters()) == 11_175_370
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (32, 60), (20, 97), (8, 8), (1, 3)])
def test_resnet18_convolves_small_maps_as_pytorch_does(height: int, width: int) -> None:
    torch.manual_seed(0)
    network = resnet18.build(IMAGE.model_copy(update={"height": height, "width": width})).double()
    images = torch.rand(5, 1, height, width, dtype=torch.float64)

    def logits_and_gradients() -> list[torch.Tensor]:
        network.zero_grad()
        logits = network(images)
        logits.logsumexp(1).sum().backward()
        return [logits.detach(), *(weights.grad.clone() for weights in network.parameters())]

    ours = logits_and_gradients()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.__class__ = nn.Conv2d
    torch.testing.assert_close(ours, logits_and_gradients())
