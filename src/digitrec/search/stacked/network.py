"""Networks of one shape as one: their maps lie side by side, so that one operation computes all of them."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class StackedNetwork:
    """Networks of one shape as one.

    A tensor of one network, of shape (n, maps, ...), becomes (n, members * maps, ...). Most operations (activations,
    pooling, batch normalization) then need not know of it. Those that combine maps do: they are told by `RULES`.

    Parameters
    ----------
    networks : sequence of nn.Module
        Alike but for the values of their weights.
    device : str

    Attributes
    ----------
    weights : Tensor
        float32 of shape (members, parameters).
    buffers : dict of str to Tensor
        What else a network keeps (running averages), of shape (members, ...).
    generator : torch.Generator
        Of the dropout. All members leave out the same units, as networks do that are trained one by one from one seed.
    """

    def __init__(self, networks: Sequence[nn.Module], device: str = "cpu"):
        # Only its code is used.
        self._network = copy.deepcopy(networks[0]).to(device)
        self._shapes = {name: weight.shape for name, weight in networks[0].named_parameters()}
        with torch.no_grad():
            rows = [torch.cat([_pack(weight, 1) for weight in network.parameters()], 1) for network in networks]
        self.weights = torch.cat(rows).to(device)
        self.buffers = {
            name: torch.stack([network.get_buffer(name) for network in networks]).to(device)
            for name, buffer in networks[0].named_buffers()
            # A count of batches is the same in all members.
            if buffer.ndim
        }
        self.generator = torch.Generator(device)

    def __len__(self) -> int:
        return len(self.weights)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other members."""
        self.weights = self.weights[rows]
        self.buffers = {name: buffer[rows] for name, buffer in self.buffers.items()}

    def layers(self, rows: Any = slice(None)) -> dict[str, Tensor]:
        """Copy the weights of some members into tensors for each layer, (members * maps, ...)."""
        weights = self.weights[rows]
        parts = weights.split([shape.numel() for shape in self._shapes.values()], 1)
        return {name: _unpack(part, shape) for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)}

    def pack(self, layers: Sequence[Tensor]) -> Tensor:
        """Arrange tensors of the layers' shapes, such as gradients, as `weights` is arranged."""
        return torch.cat([_pack(layer, len(self)) for layer in layers], 1)

    def __call__(
        self, images: Tensor, layers: Mapping[str, Tensor], rows: Any = slice(None), training: bool = False
    ) -> tuple[Tensor, ...]:
        """Compute all members' outputs.

        Parameters
        ----------
        images : Tensor
            Normalized, float32 of shape (n, channels, height, width), the same for all members, or
            (n, members * channels, height, width).
        layers : mapping of str to Tensor
            As `layers(rows)` gives them.
        rows
            Which members.
        training : bool
            With dropout and auxiliary outputs.

        Returns
        -------
        tuple of Tensor
            Logits, then those of auxiliary classifiers, each float32 of shape (n, members, classes).
        """
        buffers = {name: buffer[rows].flatten(0, 1) for name, buffer in self.buffers.items()}
        members = len(self.weights[rows])
        self._network.train(training)
        with _Rules(members, self.generator):
            outputs = functional_call(self._network, {**layers, **buffers}, (images,))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(output.unflatten(1, (members, -1)) for output in outputs)


def _pack(weight: Tensor, members: int) -> Tensor:
    # In the order of `channels_last`, so that a copy into a layer is a plain one.
    return (weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight).reshape(members, -1)


def _unpack(part: Tensor, shape: torch.Size) -> Tensor:
    if len(shape) == 4:
        return part.reshape(-1, *shape[2:], shape[1]).permute(0, 3, 1, 2)
    return part.reshape(-1, *shape[1:])


class _Rules(TorchFunctionMode):
    """Runs a network's code on tensors of many members."""

    def __init__(self, members: int, generator: torch.Generator):
        super().__init__()
        self.members = members
        self.generator = generator

    def __torch_function__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = RULES.get(func)
        if rule is None:
            return func(*args, **(kwargs or {}))
        return rule(self, *args, **(kwargs or {}))

    def part(self, x: Tensor) -> Tensor:
        """(n, members * maps, ...) as (n, ..., members, maps): in `channels_last`, nothing is moved."""
        return x.movedim(1, -1).unflatten(-1, (self.members, -1))

    def join(self, x: Tensor) -> Tensor:
        return x.flatten(-2).movedim(-1, 1)


def _conv2d(
    rules: _Rules,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    # Images that all members share have the maps of one.
    shared = groups == 1 and x.shape[1] == weight.shape[1]
    groups = 1 if shared else groups * rules.members
    return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)


def _linear(rules: _Rules, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if x.shape[1] == weight.shape[1]:
        return functional.linear(x, weight, bias)
    x = x.unflatten(1, (rules.members, -1)).transpose(0, 1)  # (members, n, units)
    weight = weight.unflatten(0, (rules.members, -1)).transpose(1, 2)
    # One operation rounds once, which shows in bfloat16.
    y = torch.bmm(x, weight) if bias is None else torch.baddbmm(bias.view(rules.members, 1, -1), x, weight)
    return y.transpose(0, 1).flatten(1)


def _softmax(rules: _Rules, x: Tensor, dim: int, **kwargs: Any) -> Tensor:
    return _over_maps(rules, functional.softmax, x, dim)


def _log_softmax(rules: _Rules, x: Tensor, dim: int, **kwargs: Any) -> Tensor:
    return _over_maps(rules, functional.log_softmax, x, dim)


def _over_maps(rules: _Rules, function: Callable, x: Tensor, dim: int) -> Tensor:
    if dim % x.ndim != 1:
        return function(x, dim)
    return rules.join(function(rules.part(x), -1))


def _cat(rules: _Rules, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    if dim % tensors[0].ndim != 1:
        return torch.cat(list(tensors), dim)
    return rules.join(torch.cat([rules.part(x) for x in tensors], -1))


def _dropout(rules: _Rules, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _drop(rules, x, p, training, lambda x: x)


def _dropout2d(rules: _Rules, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _drop(rules, x, p, training, lambda x: x[:, :, :1, :1])


def _drop(rules: _Rules, x: Tensor, p: float, training: bool, what: Callable[[Tensor], Tensor]) -> Tensor:
    if not training or not p:
        return x
    one = x[:, : x.shape[1] // rules.members]
    kept = torch.empty_like(what(one)).bernoulli_(1 - p, generator=rules.generator).div_(1 - p)
    return rules.join(rules.part(x) * kept.movedim(1, -1).unsqueeze(-2))


RULES: dict[Callable, Callable] = {
    functional.conv2d: _conv2d,
    functional.linear: _linear,
    functional.softmax: _softmax,
    torch.softmax: _softmax,
    functional.log_softmax: _log_softmax,
    torch.log_softmax: _log_softmax,
    torch.cat: _cat,
    functional.dropout: _dropout,
    functional.dropout2d: _dropout2d,
}


@torch.no_grad()
def check_stacked(networks: Sequence[nn.Module], input_shape: tuple[int, int, int], seed: int) -> str | None:
    """Compare networks that are stacked with the same ones alone.

    A network may use an operation that combines maps and for which there is no rule; this finds it out.

    Parameters
    ----------
    networks : sequence of nn.Module
        Alike but for the values of their weights.
    input_shape : (channels, height, width)
        Of an image.
    seed : int
        Of images and dropout.

    Returns
    -------
    str or None
        What is wrong, if anything.
    """
    # In double precision, so that rounding is no excuse.
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(3, len(networks), *input_shape, generator=generator, dtype=torch.float64)
    shared = own[:, :1].expand_as(own)
    # Copies, because batch normalization learns from what it sees.
    networks = [copy.deepcopy(network).double().to(memory_format=torch.channels_last) for network in networks]
    for training in (False, True):
        for images in (shared, own):
            stack = StackedNetwork(networks)
            stack.generator.manual_seed(seed)
            inputs = images[:, 0] if images is shared else images.flatten(1, 2)
            try:
                together = stack(inputs, stack.layers(), training=training)
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                return f"{type(error).__name__}: {error}"
            for number, network in enumerate(networks):
                torch.manual_seed(seed)
                alone = network.train(training)(images[:, number])
                alone = alone if isinstance(alone, tuple) else (alone,)
                for output, expected in zip(together, alone, strict=True):
                    if not torch.allclose(output[:, number], expected, rtol=1e-5, atol=1e-7):
                        return "stacked, its outputs are others than alone"
    return None
