"""Fitting cells many at a time: candidates of one shape are trained as one network. Made for a GPU.

On a CPU it gives the same scores, but is hardly faster than fits side by side, and nothing here is tuned for it.
"""

import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence

import torch

from digitrec.errors import DigitrecError
from digitrec.pipeline.environment import device_from_environment, scheduler_from_environment
from digitrec.pipeline.files import read_array
from digitrec.search import skorch_engine
from digitrec.search.cells import Cell, Problem, trajectories
from digitrec.search.dispatch import run_tasks
from digitrec.search.skorch_engine import Finished, Outcome
from digitrec.search.stacked import cuda, members, network, optimizers, training
from digitrec.search.stacked.cuda import run_stacks
from digitrec.search.stacked.members import Member
from digitrec.search.stacked.network import check_stacked
from digitrec.search.stacked.training import Capture, train
from digitrec.training.network import build_network

# What scores depend on, besides what every problem's do; `skorch_engine` for cells that cannot be stacked.
MODULES = (sys.modules[__name__], members, training, network, optimizers, cuda, skorch_engine)
# Members of a stack: the more the better.
MOST_MEMBERS = 64


def fit_stack(problem: Problem, groups: Sequence[Sequence[Cell]], device: str | None) -> list[list[Outcome]]:
    """Train a stack alone.

    Parameters
    ----------
    problem : Problem
    groups : sequence of sequence of Cell
        A member each: cells alike but for `max_epochs`. All of one architecture, batch size and number of images.
    device : str or None
        None takes the one that the environment of the process names.

    Returns
    -------
    list of list of (score, reason)
        For each group, as `skorch_engine.fit_trajectory` gives them.
    """
    done = _train_stacks(problem, [groups], device or device_from_environment())
    outcomes = {id(member.cells): member.outcomes() for stack in done for member in stack}
    return [outcomes[id(group)] for group in groups]


def _train_stacks(
    problem: Problem, stacks: Sequence[Sequence[Sequence[Cell]]], device: str
) -> Iterator[Sequence[Member]]:
    """Train stacks in this process and yield the members of each, or of a part of it, when they are done."""
    images, labels = read_array(problem.images), read_array(problem.labels)

    def start(stack: Sequence[Member], capture: Capture | None = None) -> Iterator[None]:
        return train(problem, images, labels, stack, device, capture)

    waiting = [[Member(group) for group in stack] for stack in stacks]
    if device != "cpu":
        yield from run_stacks(waiting, start)
        return
    # The same sums whatever the number of cores.
    torch.set_num_threads(1)
    for stack in waiting:
        deque(start(stack), maxlen=0)
        yield stack


def fit_cells(problem: Problem, cells: Sequence[Cell], jobs: int, device: str) -> Iterator[list[Finished]]:
    """Fit cells in stacks and yield the cells of a stack together, when it is done.

    In other company, a member's sums may be rounded otherwise. So a stack must be kept as a whole or not at all; then
    what is left of a search that was killed comes to the same stacks as before.
    """
    groups = trajectories(cells, problem.recipe)
    reasons = {name: _why_not(problem, group[0]) for name, group in {_name(group): group for group in groups}.items()}
    for reason in sorted(set(filter(None, reasons.values()))):
        print(f"{problem.model}: not stacked, but fitted one by one: {reason}", flush=True)
    stacks = make_stacks([group for group in groups if not reasons[_name(group)]])
    if not scheduler_from_environment():
        # They share the device.
        for stack in _train_stacks(problem, stacks, device):
            yield _finished([member.cells for member in stack], [member.outcomes() for member in stack])
    elif stacks:
        tasks = [(problem, stack, None) for stack in stacks]
        for number, outcomes in run_tasks(fit_stack, tasks, jobs, problem.data_version):
            if isinstance(outcomes, DigitrecError):
                outcomes = [[(None, str(outcomes))] * len(group) for group in stacks[number]]
            yield _finished(stacks[number], outcomes)
    if alone := [cell for group in groups if reasons[_name(group)] for cell in group]:
        yield from skorch_engine.fit_cells(problem, alone, jobs, device)


def make_stacks(groups: Sequence[Sequence[Cell]]) -> list[list[Sequence[Cell]]]:
    """Put together what is trained in lock-step: one architecture, batch size and number of images.

    Parameters
    ----------
    groups : sequence of sequence of Cell
        As `trajectories` gives them.

    Returns
    -------
    list of list of sequence of Cell
        The most work first. Without the groups of some of these stacks, the others come out the same.
    """
    buckets: dict[tuple[str, int, int], list[Sequence[Cell]]] = {}
    for group in groups:
        name = (_name(group), group[0].candidate.batch_size, len(group[0].train))
        buckets.setdefault(name, []).append(group)
    stacks = [
        bucket[start : start + MOST_MEMBERS]
        for bucket in buckets.values()
        for start in range(0, len(bucket), MOST_MEMBERS)
    ]
    return sorted(stacks, key=lambda stack: -sum(max(cell.work for cell in group) for group in stack))


def _name(group: Sequence[Cell]) -> str:
    return json.dumps(dict(group[0].candidate.architecture), sort_keys=True)


def _finished(groups: Sequence[Sequence[Cell]], outcomes: Sequence[Sequence[Outcome]]) -> list[Finished]:
    return [
        (cell, *outcome)
        for group, own in zip(groups, outcomes, strict=True)
        for cell, outcome in zip(group, own, strict=True)
    ]


def _why_not(problem: Problem, cell: Cell) -> str | None:
    """Say why a candidate cannot be stacked, if so."""
    if problem.recipe.hardening.adversarial:
        return "the recipe's hardening attacks one network at a time"
    architecture = cell.candidate.architecture
    try:
        networks = [
            build_network(problem.model, architecture, problem.image, problem.normalization).layers for _ in range(2)
        ]
    except DigitrecError:
        # Its fits will say so.
        return None
    return check_stacked(networks, problem.image.input_shape, problem.seed)
