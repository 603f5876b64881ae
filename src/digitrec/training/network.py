"""A network with its normalization: pixels in, logits out."""

import importlib
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

from digitrec.errors import ParamsError
from digitrec.spec import Argument, ImageSpec, Normalization
from digitrec.transforms.normalization import Normalize

# The largest side of images that is tried to find out how large they must be.
MOST_TRIED = 256


class Network(nn.Module):
    """Normalization, then a network of `models/`.

    Parameters
    ----------
    normalize : Normalize
    layers : nn.Module
        From normalized images, float32 of shape (n, channels, height, width), to logits of shape (n, classes). While
        it is trained it may return a tuple: the logits, then those of its auxiliary classifiers.
    """

    def __init__(self, normalize: Normalize, layers: nn.Module):
        super().__init__()
        self.normalize = normalize
        self.layers = layers

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, ...]:
        """From float32 pixels of shape (n, channels, height, width), from 0 to 1, to logits of shape (n, classes)."""
        return self.layers(self.normalize(pixels))


def find_model(model: str) -> ModuleType:
    """Import `models/{model}.py`."""
    return importlib.import_module(f"digitrec.models.{model}")


def count_parameters(network: nn.Module) -> int:
    """Count all weights."""
    return sum(weight.numel() for weight in network.parameters())


def build_network(
    model: str, architecture: Mapping[str, Argument], image: ImageSpec, normalization: Normalization
) -> Network:
    """Build the network in `models/{model}.py`.

    Parameters
    ----------
    model : str
        A file in `models/`.
    architecture : mapping
        Arguments of its `build`.
    image : ImageSpec
        What it is for.
    normalization : Normalization

    Returns
    -------
    Network
        With random weights, from torch's global generator.

    Raises
    ------
    ParamsError
        When `build` there does not take these arguments, or the images are too small.
    """
    try:
        return Network(Normalize(normalization), _layers(model, architecture, image))
    except (TypeError, ValueError, KeyError, RuntimeError, ZeroDivisionError) as error:
        least = _least_side(model, architecture, image)
        if least is not None:
            raise ParamsError(
                [f"model: '{model}' needs images of at least {least}x{least} pixels, these are {image}; choose another"]
            ) from error
        given = ", ".join(f"{key}={value!r}" for key, value in architecture.items())
        raise ParamsError(
            [f"search.architectures.{model}: the network does not take {given} ({type(error).__name__}: {error})"]
        ) from error


def _layers(model: str, architecture: Mapping[str, Argument], image: ImageSpec) -> nn.Module:
    layers = find_model(model).build(image, **architecture)
    # Pooling may come to nothing only when it is used.
    with torch.no_grad():
        layers.eval()(torch.zeros(1, *image.input_shape))
    return layers.train()


def _least_side(model: str, architecture: Mapping[str, Argument], image: ImageSpec) -> int | None:
    """Give the least side of square images that the network takes; None where size is not what is wrong."""

    def takes(side: int) -> bool:
        try:
            _layers(model, architecture, image.model_copy(update={"height": side, "width": side}))
        except (TypeError, ValueError, KeyError, RuntimeError, ZeroDivisionError):
            return False
        return True

    state = torch.get_rng_state()
    try:
        # Where the largest fails too, the smaller ones need not be tried.
        sides = range(min(image.height, image.width) + 1, MOST_TRIED + 1)
        return next(filter(takes, sides), None) if takes(MOST_TRIED) else None
    finally:
        torch.set_rng_state(state)
