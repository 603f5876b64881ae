"""Fitting cells many at a time: candidates of one shape are trained as one network."""

import ctypes
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

import torch

from digitrec.artifacts import read_array
from digitrec.errors import DigitrecError
from digitrec.search import (
    skorch_engine,
    stacked_cuda,
    stacked_network,
    stacked_optimizers,
    stacked_training,
)
from digitrec.search.cells import Cell, Problem, trajectories
from digitrec.search.dispatch import run_tasks, scheduler_from_environment, task_devices
from digitrec.search.skorch_engine import Finished, fit_trajectory
from digitrec.search.stacked_cuda import run_stacks
from digitrec.search.stacked_network import check_stacked
from digitrec.search.stacked_training import Member, Outcome, train
from digitrec.training import build_module, device_from_environment

# What scores depend on, `skorch_engine` for cells that cannot be stacked.
MODULES = (
    sys.modules[__name__],
    stacked_training,
    stacked_network,
    stacked_optimizers,
    stacked_cuda,
    skorch_engine,
)
# Members of a stack. On a core, MNISTNet's maps then still fit its cache; on a GPU, the more the better.
MEMBERS_ON_CPU, MEMBERS_ON_GPU = 8, 64


def fit_stack(
    problem: Problem, groups: Sequence[Sequence[Cell]], device: str | None, one_by_one: bool = False
) -> list[list[Outcome]]:
    """Train a stack, on one thread of the CPU or alone on a GPU.

    Parameters
    ----------
    problem : Problem
    groups : sequence of sequence of Cell
        A member each: cells alike but for `max_epochs`. All of one architecture, batch size and number of images.
    device : str or None
        None takes the one that the environment of the process names.
    one_by_one : bool
        Leave them to the `skorch` engine.

    Returns
    -------
    list of list of (score, reason)
        For each group, as `skorch_engine.fit_trajectory` gives them.
    """
    if one_by_one:
        return [fit_trajectory(problem, group, device) for group in groups]
    device = device or device_from_environment()
    members = [Member(group) for group in groups]
    data = read_array(problem.images), read_array(problem.labels)
    if device != "cpu":
        done = run_stacks([members], lambda stack, capture: train(problem, *data, stack, device, capture))
        outcomes = {id(member.cells): member.outcomes() for stack in done for member in stack}
        return [outcomes[id(group)] for group in groups]
    torch.set_num_threads(1)
    _keep_freed_memory()
    for _ in train(problem, *data, members, device):
        pass
    return [member.outcomes() for member in members]


def fit_cells(problem: Problem, cells: Sequence[Cell], jobs: int, device: str) -> Iterator[list[Finished]]:
    """Fit cells in stacks, stacks in parallel, and yield the cells of a stack together, when it is done.

    In other company, a member's sums may be rounded otherwise. So a stack must be kept as a whole or not at all; then
    what is left of a search that was killed comes to the same stacks as before.
    """
    groups = trajectories(cells, problem.recipe)
    reasons = {name: _why_not(problem, group[0]) for name, group in {_name(group): group for group in groups}.items()}
    for reason in sorted(set(filter(None, reasons.values()))):
        print(f"{problem.model}: not stacked, but fitted one by one: {reason}", flush=True)
    on_cluster = bool(scheduler_from_environment())
    kind = "cpu" if "cpu" in task_devices(device, problem.data_version) else "cuda"
    stacks = make_stacks([group for group in groups if not reasons[_name(group)]], kind)
    singles = [[group] for group in groups if reasons[_name(group)]]
    if kind == "cpu":
        # There, a stack of one takes longer than its network alone.
        singles = [stack for stack in stacks if len(stack) == 1] + singles
        stacks = [stack for stack in stacks if len(stack) > 1]
    there = None if on_cluster else device
    tasks = [(problem, stack, there, True) for stack in singles]
    # The GPU of this machine is shared by stacks of one process; those of a cluster get a stack at a time.
    share = kind == "cuda" and not on_cluster
    if not share:
        tasks = [(problem, stack, there) for stack in stacks] + tasks
    for number, outcomes in run_tasks(fit_stack, tasks, jobs, problem.data_version):
        parts = tasks[number][1]
        if isinstance(outcomes, DigitrecError):
            outcomes = [[(None, str(outcomes))] * len(part) for part in parts]
        yield _finished(parts, outcomes)
    if share:
        members = [[Member(group) for group in stack] for stack in stacks]
        data = read_array(problem.images), read_array(problem.labels)
        for done in run_stacks(members, lambda stack, capture: train(problem, *data, stack, device, capture)):
            yield _finished([member.cells for member in done], [member.outcomes() for member in done])


def make_stacks(groups: Sequence[Sequence[Cell]], device: str) -> list[list[Sequence[Cell]]]:
    """Put together what is trained in lock-step: one architecture, batch size and number of images; on a CPU, one fold.

    Parameters
    ----------
    groups : sequence of sequence of Cell
        As `trajectories` gives them.
    device : str

    Returns
    -------
    list of list of sequence of Cell
        The most work first. Without the groups of some of these stacks, the others come out the same.
    """
    buckets: dict[tuple, list[Sequence[Cell]]] = {}
    for group in groups:
        cell = group[0]
        name = (_name(group), cell.params["batch_size"], len(cell.train))
        if device == "cpu":
            # Members that see the same images share their gathering and the first layer's rearrangement.
            name += (cell.train.tobytes(), cell.test.tobytes())
        buckets.setdefault(name, []).append(group)
    size = MEMBERS_ON_CPU if device == "cpu" else MEMBERS_ON_GPU
    stacks = [bucket[start : start + size] for bucket in buckets.values() for start in range(0, len(bucket), size)]
    return sorted(stacks, key=lambda stack: -sum(max(cell.work for cell in group) for group in stack))


def _name(group: Sequence[Cell]) -> str:
    return json.dumps(group[0].architecture, sort_keys=True)


def _finished(groups: Sequence[Sequence[Cell]], outcomes: Sequence[Sequence[Outcome]]) -> list[Finished]:
    return [
        (cell, *outcome)
        for group, own in zip(groups, outcomes, strict=True)
        for cell, outcome in zip(group, own, strict=True)
    ]


def _why_not(problem: Problem, cell: Cell) -> str | None:
    """Say why a candidate cannot be stacked, if so."""
    if problem.recipe.hardening:
        return "the recipe's hardening attacks one network at a time"
    try:
        networks = [build_module(problem.model, cell.architecture) for _ in range(2)]
    except DigitrecError:
        # Its fits will say so.
        return None
    return check_stacked(networks, problem.seed)


def _keep_freed_memory() -> None:
    """Let glibc reuse large blocks: a fifth of a stack's time went into fresh pages."""
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    # Other C libraries have no such function.
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**25)
