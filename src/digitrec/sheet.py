"""What the network saw: each prepared digit with its answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from digitrec.plots import TRAIN, VALID
from digitrec.preparation import Prepared

# Digits a row, and rows at most: more cannot be looked at in one picture.
COLUMNS, MOST_ROWS = 10, 20


def sheet_figure(answers: Sequence[tuple[Mapping[str, Any], Prepared | None]]) -> Figure:
    """Draw prepared digits, each under its answer and over its file's name.

    Parameters
    ----------
    answers : sequence of (mapping, Prepared or None)
        As `digitrec.predict.answer_images` gives them; the first 200 are drawn.
    """
    shown = answers[: COLUMNS * MOST_ROWS]
    columns = max(1, min(COLUMNS, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(max(3.0, 1.25 * columns), 1.75 * rows + 0.4), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).ravel():
        axes.set_axis_off()
    for axes, (row, digit) in zip(figure.axes, shown, strict=False):
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        sure = row["digit"] is not None
        if digit:
            axes.imshow(digit.image, cmap="gray", vmin=0, vmax=255)
            text = f"{row['digit']}" if sure else f"unsure: {row['best']}?"
            axes.set_title(f"{text}  {100 * row['probability']:.1f} %", fontsize=9, color=TRAIN if sure else VALID)
        else:
            axes.set_title("not read" if row["error"] else "no digit", fontsize=9, color=VALID)
            axes.set_aspect("equal")
        name = Path(row["file"]).name
        axes.set_xlabel(name if len(name) <= 20 else f"{name[:9]}…{name[-10:]}", fontsize=7)
    if len(shown) < len(answers):
        figure.suptitle(f"the first {len(shown)} of {len(answers):,} digits", fontsize=10)
    return figure
