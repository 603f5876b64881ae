import torch

from digitrec.models import best


def test_best_has_203626_parameters_and_gives_ten_logits() -> None:
    network = best.build()
    assert sum(p.numel() for p in network.parameters()) == 203_626
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert best.build(width=8)(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
