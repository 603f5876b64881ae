import torch

from digitrec.models import fast
from tests.tiny import IMAGE


def _images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_fast_has_29434_parameters_and_gives_ten_logits() -> None:
    network = fast.build(IMAGE).eval()
    assert sum(p.numel() for p in network.parameters()) == 29_434
    assert network(_images(3)).shape == (3, 10)
    assert fast.build(IMAGE, width=4).eval()(_images(3)).shape == (3, 10)


def test_a_training_step_changes_every_weight() -> None:
    network = fast.build(IMAGE, width=4).train()
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    torch.nn.functional.cross_entropy(network(_images(8)), torch.arange(8)).backward()
    optimizer.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_the_scale_of_the_images_does_not_matter_in_training() -> None:
    network, images = fast.build(IMAGE, width=4).train(), _images(64)
    torch.testing.assert_close(network(images), network(4 * images), atol=0.05, rtol=0)
