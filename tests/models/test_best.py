import pytest
import torch

from digitrec.models import best
from tests.tiny import COLOUR, IMAGE


def test_best_has_407252_parameters_and_gives_ten_logits() -> None:
    network = best.build(IMAGE).eval()
    assert sum(p.numel() for p in network.parameters()) == 407_252
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert best.build(IMAGE, width=8).eval()(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_its_answer_is_the_mean_of_its_columns_probabilities() -> None:
    network = best.build(IMAGE, width=4).eval()
    images = torch.rand(5, 1, 28, 28)
    mean = torch.stack([torch.softmax(column(images), 1) for column in network.columns]).mean(0)
    assert torch.allclose(torch.softmax(network(images), 1), mean, atol=1e-6)
    assert network(images).dtype == torch.float32


def test_each_column_learns_by_a_loss_of_its_own() -> None:
    network = best.build(IMAGE, columns=2, width=4).train()
    first, second = network(torch.rand(5, 1, 28, 28))
    assert (first.shape, first.dtype) == ((5, 10), torch.float32)
    assert not torch.equal(first, second)
    first.sum().backward()
    with_gradient = [all(p.grad is not None for p in column.parameters()) for column in network.columns]
    assert with_gradient == [True, False]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_training_step_changes_every_weight(columns: int) -> None:
    network = best.build(IMAGE, columns, width=4).train()
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    labels = torch.arange(8)
    loss = sum(torch.nn.functional.cross_entropy(logits, labels) for logits in network(torch.rand(8, 1, 28, 28)))
    loss.backward()
    optimizer.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_larger_images_give_hardly_more_features_and_mnists_as_many_as_ever() -> None:
    features = {}
    for side in (28, 32, 64, 96):
        column = best.build(IMAGE.model_copy(update={"height": side, "width": side}), width=1).columns[0]
        features[side] = column[-1].in_features
    assert features == {28: 2 * 4 * 4, 32: 2 * 5 * 5, 64: 2 * 4 * 4, 96: 2 * 4 * 4}
    assert best.build(COLOUR, width=4).eval()(torch.rand(2, *COLOUR.input_shape)).shape == (2, COLOUR.n_classes)
