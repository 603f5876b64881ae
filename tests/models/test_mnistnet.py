import pytest
import torch

from digitrec.models.mnistnet import build
from tests.tiny import IMAGE


def _n_parameters(**architecture: object) -> int:
    return sum(p.numel() for p in build(IMAGE, **architecture).parameters())


# The ends of Okon's grid, as the paper gives them.
def test_parameters_are_as_many_as_the_paper_says() -> None:
    assert _n_parameters() == _n_parameters(num_units=10, out_units=20, fout_units=40) == 93_390
    assert _n_parameters(num_units=10, out_units=30, fout_units=50) == 116_710


def test_kernels_and_dropout_can_be_others_than_the_published_ones() -> None:
    network = build(IMAGE, kernel_size=3, third_kernel_size=3, dropout=0.1, dropout_maps=0)
    assert [layer.kernel_size for layer in (network.conv1, network.conv2, network.conv3)] == [(3, 3)] * 3
    assert (network.dropout.p, network.dropout_maps.p) == (0.1, 0)
    assert (build(IMAGE).dropout.p, build(IMAGE).dropout_maps.p) == (0.3, 0.2)
    # As the printed summary has it.
    assert build(IMAGE, third_kernel_size=3).fc1.in_features == 160
    assert build(IMAGE).fc1.in_features == 360


@pytest.mark.parametrize("nonlinearity", ["relu", "softmax"])
def test_images_become_ten_logits(nonlinearity: str) -> None:
    network = build(IMAGE, nonlinearity=nonlinearity).eval()
    logits = network(torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (3, 10)
    # No softmax at the end.
    assert not torch.allclose(logits.exp().sum(1), torch.ones(3))
    assert (logits < 0).any()


def test_the_nonlinearities_differ_and_the_softmax_runs_over_the_maps() -> None:
    network = build(IMAGE, nonlinearity="softmax")
    maps = network.nonlinearity(torch.randn(2, 10, 12, 12))
    torch.testing.assert_close(maps.sum(1), torch.ones(2, 12, 12))
    assert build(IMAGE).nonlinearity(torch.tensor([-1.0])).item() == 0


def test_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    network, image = build(IMAGE), torch.randn(1, 1, 28, 28)
    assert not torch.equal(network.train()(image), network(image))
    assert torch.equal(network.eval()(image), network(image))


def test_an_unknown_nonlinearity_is_refused() -> None:
    with pytest.raises(KeyError, match="tanh"):
        build(IMAGE, nonlinearity="tanh")
