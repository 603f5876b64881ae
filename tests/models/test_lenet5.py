import torch

from digitrec.models.lenet5 import build
from tests.tiny import IMAGE


def test_parameters_are_as_many_as_the_book_says() -> None:
    assert sum(p.numel() for p in build(IMAGE).parameters()) == 61_706


def test_images_become_ten_logits() -> None:
    logits = build(IMAGE)(torch.zeros(3, 1, 28, 28))
    assert logits.shape == (3, 10)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(3))


def test_weights_start_as_in_the_book_where_that_is_wanted() -> None:
    torch.manual_seed(0)
    layers = [layer for layer in build(IMAGE, initialization="xavier") if hasattr(layer, "weight")]
    for layer in layers:
        fan_in, fan_out = (layer.weight.shape[k] * layer.weight[0, 0].numel() for k in (1, 0))
        # Evenly distributed within these bounds (Glorot and Bengio, 2010, equation 16).
        bound = (6 / (fan_in + fan_out)) ** 0.5
        assert 0.9 * bound < layer.weight.abs().max().item() <= bound
    assert len(layers) == 5
    # PyTorch's own first linear layer stays within one over the root of its 400 inputs, 0.05; the book's does not.
    assert layers[2].weight.abs().max() > 0.1
    assert build(IMAGE)[7].weight.abs().max() <= 0.05
