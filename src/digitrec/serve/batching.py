"""Images that arrive together go through the network as one batch."""

import asyncio
from collections.abc import Callable

import numpy as np


class Batcher:
    """Collects the images of one turn of the event loop, in which all requests that have come in are read.

    Nothing waits for a batch to fill: on an idle service each image is answered at once, under load the batches grow
    by themselves.

    Parameters
    ----------
    probabilities : callable
        From uint8 images (n, height, width, channels) to float32 (n, classes).
    """

    def __init__(self, probabilities: Callable[[np.ndarray], np.ndarray]):
        self._probabilities = probabilities
        self._waiting: list[tuple[np.ndarray, asyncio.Future]] = []

    async def __call__(self, image: np.ndarray) -> np.ndarray:
        """Give the probabilities, float32 of shape (classes,), of one uint8 image (height, width, channels)."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # Called after everything that is ready now, other requests' handlers among it.
            loop.call_soon(self._answer)
        future = loop.create_future()
        self._waiting.append((image, future))
        return await future

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        # Whoever has gone away in between cancelled its future.
        waiting = [(image, future) for image, future in waiting if not future.done()]
        if not waiting:
            return
        try:
            rows = self._probabilities(np.stack([image for image, _ in waiting]))
        # Whatever goes wrong is for those who wait; raised here, it would leave them waiting for ever.
        except Exception as error:
            for _, future in waiting:
                future.set_exception(error)
            return
        for (_, future), row in zip(waiting, rows, strict=True):
            future.set_result(row)
