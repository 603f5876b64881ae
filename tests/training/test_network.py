import pytest
import torch

from digitrec.errors import ParamsError
from digitrec.spec import ImageSpec, Normalization
from digitrec.training.network import Network, build_network, count_parameters, find_model
from digitrec.transforms.pixels import to_pixels
from tests.tiny import COLOUR, IMAGE, NORMALIZATION, SMALL_MNISTNET, some_colours, some_digits


def _image(height: int, width: int, channels: int = 1) -> ImageSpec:
    return IMAGE.model_copy(update={"height": height, "width": width, "channels": channels})


def _mistake(model: str, architecture: dict, image: ImageSpec = IMAGE) -> str:
    with pytest.raises(ParamsError) as caught:
        build_network(model, architecture, image, NORMALIZATION)
    (mistake,) = caught.value.mistakes
    return mistake


def test_pixels_are_normalized_and_then_go_through_the_network_of_that_name() -> None:
    network = build_network("mnistnet", SMALL_MNISTNET, IMAGE, NORMALIZATION).eval()
    pixels = to_pixels(some_digits(20)[0])
    assert torch.equal(network(pixels), network.layers(network.normalize(pixels)))
    assert type(network.layers) is find_model("mnistnet").MNISTNet
    torch.testing.assert_close(network.normalize(pixels), (pixels - 0.3) / 0.35)
    assert network(pixels).shape == (20, 10)


def test_colour_images_of_any_size_and_number_of_classes_are_taken() -> None:
    normalization = Normalization(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.2))
    network = build_network("mnistnet", {}, COLOUR, normalization)
    assert network(to_pixels(some_colours(5)[0])).shape == (5, 3)


def test_a_new_network_is_to_be_trained_and_has_seen_nothing() -> None:
    network = build_network("fast", {}, IMAGE, NORMALIZATION)
    assert all(module.training for module in network.modules())
    counts = [value for key, value in network.state_dict().items() if key.endswith("num_batches_tracked")]
    assert counts
    assert not any(counts)


def test_weights_are_counted() -> None:
    assert count_parameters(build_network("lenet5", {}, IMAGE, NORMALIZATION)) == 61_706


def test_weights_come_from_torchs_generator_and_nothing_else_is_drawn_from_it() -> None:
    def weights() -> list[torch.Tensor]:
        torch.manual_seed(5)
        network = build_network("lenet5", {}, IMAGE, NORMALIZATION)
        return [*(weight.detach() for weight in network.parameters()), torch.rand(3)]

    torch.manual_seed(5)
    layers = find_model("lenet5").build(IMAGE)
    expected = [*(weight.detach() for weight in layers.parameters()), torch.rand(3)]
    assert all(torch.equal(*pair) for pair in zip(weights(), expected, strict=True))


@pytest.mark.parametrize(
    ("model", "architecture", "given"),
    [
        ("mlp", {"hidden": 3}, "hidden=3 (TypeError"),
        ("mlp", {"hidden_1": "many"}, "hidden_1='many' (TypeError"),
        ("mlp", {"hidden_1": -1}, "hidden_1=-1 (RuntimeError"),
        ("mnistnet", {"nonlinearity": "tanh"}, "nonlinearity='tanh' (KeyError"),
    ],
)
@pytest.mark.parametrize("image", [IMAGE, _image(8, 8)], ids=str)
def test_arguments_that_a_network_does_not_take_are_named(
    model: str, architecture: dict, given: str, image: ImageSpec
) -> None:
    mistake = _mistake(model, architecture, image)
    assert mistake.startswith(f"search.architectures.{model}: the network does not take {given}")


@pytest.mark.parametrize(
    ("model", "least"), [("mnistnet", 20), ("lenet5", 12), ("wang", 16), ("best", 13), ("fast", 20), ("shah", 4)]
)
def test_images_that_are_too_small_are_told_the_least_size(model: str, least: int) -> None:
    small = _image(least - 1, 40)
    assert _mistake(model, {}, small) == (
        f"model: '{model}' needs images of at least {least}x{least} pixels, these are {small}; choose another"
    )
    assert isinstance(build_network(model, {}, _image(least, least), NORMALIZATION), Network)
    assert isinstance(build_network(model, {}, _image(40, least, 3), NORMALIZATION), Network)


def test_mnistnet_on_8x8_says_the_least_size() -> None:
    assert _mistake("mnistnet", {}, _image(8, 8)) == (
        "model: 'mnistnet' needs images of at least 20x20 pixels, these are 8x8 grey; choose another"
    )


def test_looking_for_the_least_size_draws_nothing() -> None:
    def draw(image: ImageSpec) -> torch.Tensor:
        torch.manual_seed(0)
        with pytest.raises(ParamsError):
            build_network("shah", {"third_convolution": 5}, image, NORMALIZATION)
        return torch.rand(3)

    # Both fail at the same place, the one after one try, the other after many.
    assert torch.equal(draw(_image(7, 30)), draw(_image(2, 30)))


@pytest.mark.parametrize("model", ["mlp", "resnet18"])
def test_some_networks_take_images_of_every_size(model: str) -> None:
    network = build_network(model, {}, _image(1, 1), NORMALIZATION).eval()
    assert network(torch.zeros(2, 1, 1, 1)).shape == (2, 10)
