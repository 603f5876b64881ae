import torch

from digitrec.models import fast


def _images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_fast_has_29434_parameters_and_gives_ten_logits() -> None:
    network = fast.build().eval()
    assert sum(p.numel() for p in network.parameters()) == 29_434
    assert network(_images(3)).shape == (3, 10)
    assert fast.build(width=4).eval()(_images(3)).shape == (3, 10)


def test_it_multiplies_in_bfloat16_only_while_it_is_trained() -> None:
    network, seen = fast.build(width=4), []
    network.layers[0].register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    for training in (True, False):
        assert network.train(training)(_images(8)).dtype == torch.float32
    assert seen == [torch.bfloat16, torch.float32]


def test_a_training_step_changes_every_weight() -> None:
    network = fast.build(width=4).train()
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    torch.nn.functional.cross_entropy(network(_images(8)), torch.arange(8)).backward()
    optimizer.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_the_scale_of_the_images_does_not_matter_in_training() -> None:
    network, images = fast.build(width=4).train(), _images(64)
    torch.testing.assert_close(network(images), network(4 * images), atol=0.05, rtol=0)
