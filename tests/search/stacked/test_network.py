import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from digitrec.search.stacked import network
from digitrec.search.stacked.network import StackedNetwork, check_stacked
from digitrec.spec import ImageSpec
from digitrec.training.network import build_network
from tests.tiny import COLOUR, IMAGE, NORMALIZATION

NETWORKS = [
    ("mlp", {}),
    ("mnistnet", {"nonlinearity": "relu"}),
    ("mnistnet", {"nonlinearity": "softmax"}),
    ("lenet5", {}),
    ("shah", {"dropout": 0.5}),
    ("wang", {}),
    ("best", {"columns": 2, "width": 4}),
    pytest.param("resnet18", {}, marks=pytest.mark.slow),
]


def _networks(model: str, architecture: dict, n: int = 3, image: ImageSpec = IMAGE) -> list[nn.Module]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return [build_network(model, architecture, image, NORMALIZATION).layers for _ in range(n)]


@pytest.mark.parametrize("image", [IMAGE, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(("model", "architecture"), NETWORKS)
def test_every_network_answers_stacked_as_alone(model: str, architecture: dict, image: ImageSpec) -> None:
    assert check_stacked(_networks(model, architecture, image=image), image.input_shape, 0) is None


def test_the_check_covers_the_concatenation_of_maps() -> None:
    class Inception(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.last = nn.Conv2d(1, 3, 3), nn.Conv2d(1, 4, 3, groups=1), nn.Linear(7, 10)

        def forward(self, x: Tensor) -> Tensor:
            maps = torch.cat([self.one(x), self.two(x)], 1)
            return functional.log_softmax(self.last(torch.flatten(functional.adaptive_avg_pool2d(maps, 1), 1)), dim=1)

    assert check_stacked([Inception(), Inception()], IMAGE.input_shape, 0) is None


@pytest.mark.parametrize(
    ("model", "architecture", "function"),
    [
        ("mnistnet", {"nonlinearity": "softmax"}, functional.softmax),
        ("mnistnet", {}, functional.conv2d),
        ("mnistnet", {}, functional.dropout2d),
        ("mlp", {}, functional.linear),
    ],
)
def test_an_operation_without_its_rule_is_found_out(
    monkeypatch: pytest.MonkeyPatch, model: str, architecture: dict, function: object
) -> None:
    monkeypatch.delitem(network.RULES, function)
    assert check_stacked(_networks(model, architecture), IMAGE.input_shape, 0)


def test_a_network_that_mixes_maps_in_its_own_way_is_found_out() -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(784, 12), nn.Linear(12, 10)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(torch.flatten(x, 1))
            return self.last(hidden - hidden.mean(1, keepdim=True))

    assert check_stacked([Mixing(), Mixing()], IMAGE.input_shape, 0) == "stacked, its outputs are others than alone"


def test_the_members_own_networks_stay_as_they_were() -> None:
    networks = _networks("best", {"columns": 1, "width": 4})
    before = [{key: value.clone() for key, value in network.state_dict().items()} for network in networks]
    stack = StackedNetwork(networks)
    stack(torch.randn(4, 1, 28, 28), stack.layers(), training=True)
    for one, state in zip(networks, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in one.state_dict().items())


def test_some_members_answer_as_among_all() -> None:
    stack = StackedNetwork(_networks("best", {"columns": 1, "width": 4}, 4))
    images = torch.randn(5, 1, 28, 28)
    with torch.no_grad():
        stack(images, stack.layers(), training=True)
        (among_all,) = stack(images, stack.layers())
        (two,) = stack(images, stack.layers([3, 1]), [3, 1])
        stack.keep([0, 2])
        (others,) = stack(images, stack.layers())
    torch.testing.assert_close(two, among_all[:, [3, 1]])
    torch.testing.assert_close(others, among_all[:, [0, 2]])


def test_layers_are_packed_as_weights_are() -> None:
    stack = StackedNetwork(_networks("mnistnet", {}))
    assert stack.weights.shape == (3, 93_390)
    assert torch.equal(stack.pack(list(stack.layers().values())), stack.weights)
