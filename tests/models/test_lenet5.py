import torch

from digitrec.models.lenet5 import build
from tests.tiny import IMAGE


def test_parameters_are_as_many_as_the_book_says() -> None:
    assert sum(p.numel() for p in build(IMAGE).parameters()) == 61_706


def test_images_become_ten_logits() -> None:
    logits = build(IMAGE)(torch.zeros(3, 1, 28, 28))
    assert logits.shape == (3, 10)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(3))
