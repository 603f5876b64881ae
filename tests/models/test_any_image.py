"""Every network takes images of any size and colour, and any number of classes."""

import importlib

import pytest
import torch

from digitrec.config.params import known_names
from digitrec.spec import ImageSpec

# The least side of square images that each takes.
LEAST = {
    "best": 13,
    "fast": 20,
    "googlenet": 15,
    "lenet5": 12,
    "mlp": 1,
    "mnistnet": 20,
    "resnet18": 1,
    "shah": 4,
    "wang": 16,
}
SMALL = {"best": {"width": 4}, "fast": {"width": 4}, "mlp": {"hidden_1": 8, "hidden_2": 8}}


def _image(height: int, width: int, channels: int, n_classes: int) -> ImageSpec:
    classes = tuple(f"class {k}" for k in range(n_classes))
    return ImageSpec(height=height, width=width, channels=channels, classes=classes, preparation="resize")


def _logits(model: str, image: ImageSpec) -> list[torch.Tensor]:
    network = importlib.import_module(f"digitrec.models.{model}").build(image, **SMALL.get(model, {}))
    outputs = [network.train(training)(torch.rand(2, *image.input_shape)) for training in (True, False)]
    return [each for output in outputs for each in (output if isinstance(output, tuple) else (output,))]


def test_all_are_tried() -> None:
    assert list(LEAST) == known_names("models")


@pytest.mark.parametrize("model", LEAST)
@pytest.mark.parametrize(
    ("height", "width", "channels", "n_classes"), [(20, 31, 3, 5), (64, 64, 3, 10), (32, 32, 1, 136)]
)
def test_images_become_as_many_logits_as_there_are_classes(
    model: str, height: int, width: int, channels: int, n_classes: int
) -> None:
    for logits in _logits(model, _image(height, width, channels, n_classes)):
        assert logits.shape == (2, n_classes)
        assert logits.dtype == torch.float32
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize(("model", "side"), LEAST.items())
def test_the_least_size_is_as_documented_and_a_smaller_one_is_refused(model: str, side: int) -> None:
    assert _logits(model, _image(side, side, 1, 10))[-1].shape == (2, 10)
    if side > 1:
        with pytest.raises(RuntimeError):
            _logits(model, _image(side - 1, side - 1, 1, 10))
