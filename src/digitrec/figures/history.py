"""A training, epoch by epoch."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from digitrec.figures.style import TRAIN, VALID, plain_style


@plain_style()
def history_figure(rows: Sequence[Mapping[str, str | float]]) -> Figure:
    """Draw loss and accuracy by epoch.

    Parameters
    ----------
    rows : sequence of mapping
        epoch, train_loss, valid_loss, train_accuracy, valid_accuracy: numbers, also as text.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    epochs = [int(float(row["epoch"])) for row in rows]
    for axes, kind in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, name, colour in (("train", "training", TRAIN), ("valid", "validation", VALID)):
            values = [float(row[f"{part}_{kind}"]) for row in rows]
            axes.plot(epochs, values, "o-", ms=3, color=colour, label=name)
        axes.set(xlabel="epoch", ylabel=kind)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure
