"""Answers: which digits an image shows, how probable each is, and when it is better to say nothing."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

import numpy as np

from digitrec.decoding import ImageError, decode
from digitrec.preparation import Prepared, find_digit, find_line

# Files whose digits the network sees in one call: enough to make a call's fixed cost small.
BATCH = 64
NOTHING = "no digit found"


class Network(Protocol):
    """What answers: `digitrec.recognizer.Recognizer`."""

    threshold: float

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Give calibrated probabilities, float32 of shape (n, 10), for uint8 images (n, 28, 28)."""


def answer(probabilities: np.ndarray, threshold: float) -> dict[str, Any]:
    """Put one digit's probabilities into words.

    Parameters
    ----------
    probabilities : array
        Floats of shape (classes,).
    threshold : float
        Less probable answers are `unsure`.

    Returns
    -------
    dict
        digit (None when unsure), probability (of the most probable digit), second and second_probability, best (the
        most probable digit, also when unsure) and reason (None, or why there is no digit).
    """
    second, best = (int(digit) for digit in np.argsort(probabilities, kind="stable")[-2:])
    probability = float(probabilities[best])
    sure = probability >= threshold
    reason = None if sure else f"unsure: {best} has probability {probability:.3f}, less than {threshold:.3f}"
    return {
        "digit": best if sure else None,
        "probability": probability,
        "second": second,
        "second_probability": float(probabilities[second]),
        "best": best,
        "reason": reason,
    }


def no_answer(reason: str) -> dict[str, Any]:
    """Give what `answer` gives, for an image without a digit."""
    keys = ("digit", "probability", "second", "second_probability", "best")
    return dict.fromkeys(keys) | {"reason": reason, "box": None}


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
        Whether an image holds a line of separate digits instead of one.

    Yields
    ------
    dict
        file, what `answer` gives, and box (left, top, right, bottom in pixels, None without a digit). In order; one for
        each digit of a line. A file that is no image has its error as the reason, and `error` true.
    Prepared or None
        What the network saw.
    """
    images = iter(images)
    while group := list(islice(images, BATCH)):
        found: list[tuple[str, Prepared | None, str]] = []
        for name, content in group:
            try:
                if isinstance(content, ImageError):
                    raise content
                grey = decode(content, name)
            except ImageError as error:
                found.append((name, None, str(error)))
                continue
            digits = find_line(grey) if line else [find_digit(grey)]
            found += [(name, digit, "") for digit in digits or [None]]
        seen = [digit.image for _, digit, _ in found if digit]
        probabilities = iter(network.probabilities(np.stack(seen)) if seen else ())
        for name, digit, error in found:
            if digit:
                row = answer(next(probabilities), network.threshold) | {"box": list(digit.box)}
            else:
                row = no_answer(error or NOTHING)
            yield {"file": name} | row | {"error": bool(error)}, digit


def text_of(row: Mapping[str, Any]) -> str:
    """Say an answer in one line, without its file."""
    if row["probability"] is None:
        return row["reason"]
    second = f"second {row['second']}, {100 * row['second_probability']:.1f} %"
    if row["digit"] is None:
        return f"unsure  {row['best']}? {100 * row['probability']:.1f} %  {second}"
    return f"{row['digit']}  {100 * row['probability']:.1f} %  {second}"
