"""Answers: what an image shows, how probable that is, and when it is better to say nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np

from digitrec.reading import marks
from digitrec.reading.decoding import ImageError, decode
from digitrec.reading.preparation import Prepared, prepare
from digitrec.reading.reader import read_page
from digitrec.spec import ImageSpec

# Files whose images the network sees in one call: enough to make a call's fixed cost small.
BATCH = 64


class Network(marks.Network, Protocol):
    """What answers, and from which probability on it is sure: `digitrec.reading.exported.ExportedNetwork`."""

    threshold: float


def thing_shown(image: ImageSpec) -> str:
    """Name what such images show: digit, character or picture."""
    if image.preparation == "resize":
        return "picture"
    return "digit" if set(image.classes) <= set("0123456789") else "character"


def answer(probabilities: np.ndarray, classes: Sequence[str], threshold: float) -> dict[str, Any]:
    """Put one image's probabilities into words.

    Parameters
    ----------
    probabilities : array
        Floats of shape (classes,).
    classes : sequence of str
        Their names.
    threshold : float
        Less probable answers are `unsure`.

    Returns
    -------
    dict
        label (None when unsure), probability (of the most probable class), second and second_probability, best (the
        most probable class, also when unsure) and reason (None, or why there is no label).
    """
    second, best = (int(number) for number in np.argsort(probabilities, kind="stable")[-2:])
    probability, name = float(probabilities[best]), classes[best]
    sure = probability >= threshold
    reason = None if sure else f"unsure: {name} has probability {probability:.3f}, less than {threshold:.3f}"
    return {
        "label": name if sure else None,
        "probability": probability,
        "second": classes[second],
        "second_probability": float(probabilities[second]),
        "best": name,
        "reason": reason,
    }


def no_answer(reason: str) -> dict[str, Any]:
    """Give what `answer` gives and a box, for an image that shows nothing to answer."""
    keys = ("label", "probability", "second", "second_probability", "best")
    return dict.fromkeys(keys) | {"reason": reason, "box": None}


def nothing_found(image: ImageSpec) -> str:
    """Give the reason for an image without ink."""
    return f"no {thing_shown(image)} found"


def several_found(image: ImageSpec, count: int) -> str:
    """Give the reason for an image with several digits where one is expected."""
    return f"{count} {thing_shown(image)}s found, expected one: `digitrec read` reads them all"


def answer_images(
    network: Network, images: Iterable[tuple[str, bytes | ImageError]], line: bool = False
) -> Iterator[tuple[dict[str, Any], Prepared | None]]:
    """Answer image files, many in a call of the network.

    Parameters
    ----------
    network : Network
    images : iterable of (str, bytes or ImageError)
        Name and content; an error in place of the content is passed on.
    line : bool
        Whether an image holds several digits, which are all answered, row by row; only with the preparation `mnist`.

    Yields
    ------
    dict
        file, what `answer` gives, and box (left, top, right, bottom in pixels, None where nothing was looked for or
        found). In order; one for each digit of a line. A file that is no image has its error as the reason, and
        `error` true.
    Prepared or None
        What the network saw.
    """
    image, images = network.image, iter(images)
    while group := list(islice(images, BATCH)):
        found: list[tuple[str, Prepared | None, str]] = []
        for name, content in group:
            try:
                if isinstance(content, ImageError):
                    raise content
                parts = _all_on(content, name, network) if line else [prepare(content, name, image, network)]
            except ImageError as error:
                found.append((name, None, str(error)))
                continue
            found += [(name, prepared, "") for prepared in parts or [None]]
        seen = [prepared.image for _, prepared, _ in found if prepared]
        probabilities = iter(network.probabilities(np.stack(seen)) if seen else ())
        for name, prepared, mistake in found:
            if prepared and prepared.several:
                next(probabilities)
                row = no_answer(several_found(image, prepared.several))
            elif prepared:
                row = answer(next(probabilities), image.classes, network.threshold)
                row["box"] = list(prepared.box) if prepared.box else None
            else:
                row = no_answer(mistake or nothing_found(image))
            yield {"file": name} | row | {"error": bool(mistake)}, prepared


def _all_on(content: bytes, name: str, network: Network) -> list[Prepared]:
    channels = network.image.channels
    digits = read_page(decode(content, name), network).digits
    return [Prepared(np.repeat(digit.pixels[..., None], channels, 2), digit.box) for digit in digits]


def text_of(row: Mapping[str, Any]) -> str:
    """Say an answer in one line, without its file."""
    if row["probability"] is None:
        return row["reason"]
    second = f"second {row['second']}, {100 * row['second_probability']:.1f} %"
    if row["label"] is None:
        return f"unsure  {row['best']}? {100 * row['probability']:.1f} %  {second}"
    return f"{row['label']}  {100 * row['probability']:.1f} %  {second}"
