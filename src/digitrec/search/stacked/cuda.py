"""Stacks on a GPU: each step a CUDA graph, several stacks at a time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from digitrec.search.stacked.members import Member
from digitrec.search.stacked.training import Capture, Step

# Stacks that share the card, each on a stream of its own.
AT_A_TIME = 8
# Steps before the capture, in which libraries choose their kernels and get their memory.
WARM_UP_STEPS = 3


class CapturedStep:
    """Replays a step as a CUDA graph: one launch instead of hundreds.

    Parameters
    ----------
    step : callable
        ``step(images, labels, rates)``.
    generator : torch.Generator
        The one that the step draws from.
    """

    def __init__(self, step: Step, generator: torch.Generator):
        self.step = step
        self.generator = generator
        self.shape: torch.Size | None = None
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *batch: Tensor) -> Tensor:
        self.shape = self.shape or batch[0].shape
        # The last batch of an epoch is smaller.
        if batch[0].shape != self.shape or self.calls < WARM_UP_STEPS:
            self.calls += 1
            return self.step(*batch)
        if self.graph is None:
            self.inputs = [part.clone() for part in batch]
            self.graph = torch.cuda.CUDAGraph()
            self.graph.register_generator_state(self.generator)
            with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
                self.losses = self.step(*self.inputs)
        for kept, part in zip(self.inputs, batch, strict=True):
            kept.copy_(part, non_blocking=True)
        self.graph.replay()
        return self.losses


def run_stacks(
    stacks: Sequence[Sequence[Member]], train: Callable[[Sequence[Member], Capture], Iterator[None]]
) -> Iterator[Sequence[Member]]:
    """Train stacks in turns and yield each when it is done; where memory is short, fewer at a time, then in halves.

    Parameters
    ----------
    stacks : sequence of sequence of Member
    train : callable
        ``train(members, capture)`` is `training.train` of these members.
    """
    # The same kernels each time, so that the same seed gives the same weights.
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    waiting = deque(stacks)
    running: deque[tuple[Sequence[Member], torch.cuda.Stream, Iterator[None]]] = deque()
    at_a_time = AT_A_TIME
    while waiting or running:
        while waiting and len(running) < at_a_time:
            members = waiting.popleft()
            running.append((members, torch.cuda.Stream(), train(members, CapturedStep)))
        members, stream, steps = running.popleft()
        try:
            with torch.cuda.stream(stream):
                next(steps)
            running.append((members, stream, steps))
        except StopIteration:
            yield members
        except torch.OutOfMemoryError as error:
            if running:
                at_a_time = len(running)
                parts = [members]
            elif len(members) > 1:
                half = len(members) // 2
                parts = [members[:half], members[half:]]
            else:
                members[0].reason = f"{type(error).__name__}: {error}"
                yield members
                continue
            waiting.extend([Member(member.cells) for member in part] for part in parts)
