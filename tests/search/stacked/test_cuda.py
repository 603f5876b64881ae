from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from digitrec.search.stacked.cuda import run_stacks
from digitrec.search.stacked.engine import fit_cells
from digitrec.search.stacked.members import Member
from tests.search.candidates import cell
from tests.tiny import MODERN, small_problem


@pytest.fixture
def _no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "Stream", object)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())


@pytest.mark.usefixtures("_no_streams")
def test_stacks_take_turns_and_the_shorter_is_done_first() -> None:
    turns = []

    def train(members: list[Member], capture: object) -> Iterator[None]:
        for _ in range(members[0].epochs):
            turns.append(members[0].epochs)
            yield

    stacks = [[Member([cell(max_epochs=epochs)])] for epochs in (4, 2)]
    assert list(run_stacks(stacks, train)) == [stacks[1], stacks[0]]
    assert turns == [4, 2, 4, 2, 4, 4]


class _Memory:
    """Trains for three steps, while no more members than `room` are trained at a time."""

    def __init__(self, room: int):
        self.room = room
        self.used = 0
        self.tried: list[int] = []

    def train(self, members: list[Member], capture: object) -> Iterator[None]:
        self.tried.append(len(members))
        if self.used + len(members) > self.room:
            raise torch.OutOfMemoryError("short")
        self.used += len(members)
        yield from range(3)
        self.used -= len(members)
        for member in members:
            member.accuracy[2] = 0.5


@pytest.mark.usefixtures("_no_streams")
def test_where_memory_is_short_fewer_stacks_share_it() -> None:
    memory = _Memory(room=10)
    stacks = [[Member([cell(lr=lr)]) for lr in range(1, 5)] for _ in range(4)]
    done = list(run_stacks(stacks, memory.train))
    assert [len(stack) for stack in done] == [4] * 4
    assert all(member.outcomes() == [(0.5, None)] for stack in done for member in stack)


@pytest.mark.usefixtures("_no_streams")
def test_a_stack_for_which_memory_is_short_is_halved() -> None:
    memory = _Memory(room=2)
    cells = [cell(lr=lr) for lr in range(1, 6)]
    done = list(run_stacks([[Member([each]) for each in cells]], memory.train))
    assert max(map(len, done)) == 2
    assert {id(member.longest) for stack in done for member in stack} == set(map(id, cells))
    assert all(member.outcomes() == [(0.5, None)] for stack in done for member in stack)


@pytest.mark.usefixtures("_no_streams")
def test_a_member_for_which_memory_is_short_has_a_reason() -> None:
    ((member,),) = run_stacks([[Member([cell()])]], _Memory(room=0).train)
    assert member.outcomes() == [(None, "OutOfMemoryError: short")]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_scores_of_the_cpu(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, recipe=MODERN)
    cells = [cell(lr=lr, max_epochs=epochs) for lr in (0.001, 0.003) for epochs in (2, 5)]
    scores = {
        device: {id(c): score for stack in fit_cells(problem, cells, 1, device) for c, score, _ in stack}
        for device in ("cpu", "cuda")
    }
    for each in cells:
        assert abs(scores["cpu"][id(each)] - scores["cuda"][id(each)]) < 0.05
