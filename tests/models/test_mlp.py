import torch

from digitrec.models.mlp import build
from tests.tiny import IMAGE


def test_784_128_64_10_has_109386_parameters() -> None:
    assert sum(p.numel() for p in build(IMAGE).parameters()) == 109_386
    assert sum(p.numel() for p in build(IMAGE, hidden_1=5, hidden_2=3).parameters()) == 785 * 5 + 6 * 3 + 4 * 10


def test_images_become_ten_logits() -> None:
    logits = build(IMAGE)(torch.zeros(3, 1, 28, 28))
    assert logits.shape == (3, 10)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(3))


def test_a_third_hidden_layer_gives_the_105306_parameters_of_phams_table() -> None:
    network = build(IMAGE, hidden_2=32, hidden_3=16)
    assert sum(p.numel() for p in network.parameters()) == 105_306
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
