import asyncio

import numpy as np
import pytest

from digitrec.serve.batching import Batcher


class Network:
    """Notes the size of each batch; an image's answer is its first pixel."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.sizes.append(len(images))
        if (images == 13).any():
            raise ValueError("no thirteens")
        return images[:, :1, 0, 0].astype(np.float32)


def image(value: int) -> np.ndarray:
    return np.full((28, 28, 1), value, np.uint8)


def test_images_that_arrive_together_are_one_batch_and_each_gets_its_own_answer() -> None:
    network = Network()

    async def ask() -> list[np.ndarray]:
        batcher = Batcher(network)
        first = await asyncio.gather(*(batcher(image(n)) for n in range(100, 150)))
        return [*first, await batcher(image(200))]

    assert [float(answer[0]) for answer in asyncio.run(ask())] == [*range(100, 150), 200]
    assert network.sizes == [50, 1]


def test_nobody_waits_for_a_batch_to_fill() -> None:
    async def ask() -> np.ndarray:
        return await asyncio.wait_for(Batcher(Network())(image(7)), 1)

    assert asyncio.run(ask())[0] == 7


def test_what_goes_wrong_is_told_to_all_who_wait_and_to_nobody_after() -> None:
    async def ask() -> list:
        batcher = Batcher(Network())
        told = await asyncio.gather(batcher(image(13)), batcher(image(1)), return_exceptions=True)
        return [*told, await batcher(image(2))]

    *told, after = asyncio.run(ask())
    assert [str(error) for error in told] == ["no thirteens"] * 2
    assert after[0] == 2


def test_who_has_gone_away_is_left_out() -> None:
    network = Network()

    async def ask() -> float:
        batcher = Batcher(network)
        gone, there = asyncio.ensure_future(batcher(image(1))), asyncio.ensure_future(batcher(image(2)))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return float((await there)[0])

    assert asyncio.run(ask()) == 2
    assert network.sizes == [1]
