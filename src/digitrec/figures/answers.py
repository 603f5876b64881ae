"""What the network saw: each prepared image with its answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure

from digitrec.figures.gallery import GAP, HEAD, SIDE, TITLE, canvas, fit_canvas, place_image, title_height
from digitrec.figures.style import MOST_WIDTH, TRAIN, VALID, folded, plain_style, shortened, text_width

# Images a row, and rows at most: more cannot be looked at in one picture.
COLUMNS, MOST_ROWS = 10, 20
NAME = 7


class Seen(Protocol):
    """An image as the network took it: uint8 of shape (height, width, channels)."""

    @property
    def image(self) -> np.ndarray: ...


@plain_style()
def answers_figure(answers: Sequence[tuple[Mapping[str, Any], Seen | None]]) -> Figure:
    """Draw prepared images, each under its answer and over its file's name.

    Parameters
    ----------
    answers : sequence of (mapping, image or None)
        Of each: file, label (None where the answer is unsure), best, probability, reason, and error (true where the
        file could not be read). The first 200 are drawn.
    """
    shown = answers[: COLUMNS * MOST_ROWS]
    titles = [_answer(row, seen) for row, seen in shown]
    names = [shortened(_printable(Path(row["file"]).name), 20) for row, _ in shown]
    widths = [*(text_width(text, TITLE) for text, _ in titles), *(text_width(name, NAME) for name in names)]
    side = 1.3 * SIDE
    cell = max([side, *widths]) + GAP
    columns = max(1, min(COLUMNS, len(shown), int(MOST_WIDTH / cell)))
    above, below = title_height([text for text, _ in titles]), 0.2
    step = above + side + below + GAP
    head = HEAD if len(shown) < len(answers) else 0.0
    width, height = columns * cell, head + max(1, -(-len(shown) // columns)) * step
    figure = Figure(figsize=(width, height))
    axes = canvas(figure)
    if head:
        heading = f"the first {len(shown)} of {len(answers):,} images"
        axes.text(width / 2, head / 2, heading, fontsize=10, ha="center", va="center")
    for k, ((_, seen), (text, colour), name) in enumerate(zip(shown, titles, names, strict=True)):
        left, top = k % columns * cell, head + k // columns * step + above
        middle = left + cell / 2
        axes.text(middle, top - 0.03, text, fontsize=TITLE, color=colour, ha="center", va="bottom")
        axes.text(middle, top + side + 0.04, name, fontsize=NAME, ha="center", va="top")
        if seen:
            place_image(axes, seen.image, (middle - side / 2, top, side), ink=False)
    fit_canvas(axes, width, height)
    return figure


def _printable(name: str) -> str:
    """Show bytes that are no UTF-8, which no font can draw, and line breaks as what they are called."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")


def _answer(row: Mapping[str, Any], seen: Seen | None) -> tuple[str, str]:
    """Words and colour of an answer."""
    if not seen:
        return ("not read" if row["error"] else row["reason"]), VALID
    sure = row["label"] is not None
    name = folded(row["label"] if sure else row["best"])
    percent = f"{100 * row['probability']:.1f} %"
    if not sure:
        return f"unsure: {name}?\n{percent}", VALID
    return (f"{name}  {percent}" if len(name) <= 4 else f"{name}\n{percent}"), TRAIN
