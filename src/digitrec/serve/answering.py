"""From an image's bytes to an answer, several at a time."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import HTTPException
from PIL import Image

from digitrec.pipeline.files import read_json
from digitrec.reading.answers import answer, no_answer, nothing_found, several_found, thing_shown
from digitrec.reading.decoding import ImageError
from digitrec.reading.exported import ExportedNetwork
from digitrec.reading.preparation import prepare
from digitrec.serve.batching import Batcher
from digitrec.serve.pixels import PixelReader
from digitrec.spec import ImageSpec

# Images that are prepared at the same time; one of 70 megapixels takes some hundred megabytes.
N_THREADS = 2
# Up to this many bytes and pixels on each side, an image is prepared sooner than a thread is woken.
SMALL_BYTES, SMALL_SIDE = 4096, 32
PNG_HEADER = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


class Answering:
    """Answers images with an exported network.

    Parameters
    ----------
    folder : Path
        That stage `export` wrote.

    Attributes
    ----------
    network : ExportedNetwork
        Answers less probable than its threshold are withheld.
    read_pixels : PixelReader
        Reads images that come as JSON.
    about : dict
        What `GET /model` tells of the network.

    Raises
    ------
    ModelError
        When there is none that can be used.
    """

    def __init__(self, folder: Path):
        network, times = ExportedNetwork(folder), training_times(folder)
        self.network, self.read_pixels = network, PixelReader(network.image)
        trained = read_json(times).get("finished") if times else None
        self.about = network.description.model_dump(mode="json")
        self.about |= {"trained": trained, "shows": thing_shown(network.image)}
        self._form, self._threshold = network.image, network.threshold
        self._batcher = Batcher(network.probabilities)
        self._threads = ThreadPoolExecutor(N_THREADS)
        _load_what_images_need(self._form)

    async def image(self, content: bytes, name: str) -> tuple[dict[str, Any], np.ndarray]:
        """Tell what an image file shows.

        Returns
        -------
        dict
            The answer, as `schemas.Answer` describes it.
        array
            What the network got, uint8 of shape (height, width, channels); all 0 where nothing was found.

        Raises
        ------
        HTTPException
            422 when it is no image, or not one that can be answered.
        """
        try:
            if is_small(content):
                prepared = prepare(content, name, self._form, self.network)
            else:
                loop = asyncio.get_running_loop()
                prepared = await loop.run_in_executor(self._threads, prepare, content, name, self._form, self.network)
        except ImageError as error:
            raise HTTPException(422, str(error)) from error
        if prepared is None:
            nothing = no_answer(nothing_found(self._form)) | {"probabilities": None}
            return nothing, np.zeros(self._form.shape, np.uint8)
        if prepared.several:
            return no_answer(several_found(self._form, prepared.several)) | {"probabilities": None}, prepared.image
        found = await self.pixels(prepared.image)
        return found | {"box": list(prepared.box) if prepared.box else None}, prepared.image

    async def pixels(self, image: np.ndarray) -> dict[str, Any]:
        """Answer an image as the network takes it, uint8 of shape (height, width, channels)."""
        probabilities = await self._batcher(image)
        found = answer(probabilities, self._form.classes, self._threshold)
        return found | {"probabilities": probabilities.tolist(), "box": None}


def training_times(folder: Path) -> Path | None:
    """Find the times of the training in the project that a network lies in; None where there are none.

    They are no part of the network: its own files are the same whenever they are made.
    """
    for project in folder.resolve().parents[1:3]:
        times = project / "metrics/times/train_final.json"
        if times.exists():
            return times
    return None


def is_small(content: bytes) -> bool:
    """Tell from its header whether a file is a small PNG, which 28x28 of MNIST are."""
    return (
        len(content) <= SMALL_BYTES
        and content.startswith(PNG_HEADER)
        and int.from_bytes(content[16:20]) <= SMALL_SIDE
        and int.from_bytes(content[20:24]) <= SMALL_SIDE
    )


def _load_what_images_need(form: ImageSpec) -> None:
    """Prepare an image: libraries load parts of themselves with the first, when all files may be taken by connections.

    Pillow looks for WebP last, after it has loaded all that it knows.
    """
    page = np.full((64, 64), 255, np.uint8)
    page[12:52, 30:35] = 0
    content = io.BytesIO()
    Image.fromarray(page).save(content, "WEBP")
    prepare(content.getvalue(), "image", form)
