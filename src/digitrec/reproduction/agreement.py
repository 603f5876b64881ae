"""Whether a system that is trained again agrees with what is committed of it, on whatever machine."""

from typing import Any, NamedTuple

# Processors add in different orders, and training carries the last bit on. What the same seed may then differ by, of
# the last epoch: accuracies in shares, losses in shares of the committed loss. Different code or data differ by more.
ACCURACY_TOLERANCE, LOSS_TOLERANCE = 0.003, 0.03
COUNTS = ("n_parameters", "n_train", "n_valid", "n_test", "epochs")


class Compared(NamedTuple):
    """One number of a run, committed and found.

    Attributes
    ----------
    name : str
    committed, found : float
    tolerance : float
        What they may differ by.
    """

    name: str
    committed: float
    found: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        return abs(self.found - self.committed) <= self.tolerance


def compare_runs(committed: dict[str, Any], found: dict[str, Any]) -> list[Compared]:
    """Compare two measurements of a system by their first runs.

    Parameters
    ----------
    committed, found : dict
        As `digitrec.reproduction.runs.measurement` gives them; the first runs are of the same seed.

    Returns
    -------
    list of Compared
        Sizes, which agree exactly or not at all, then losses (nats) and accuracies (shares) of the last epoch.
    """
    rows = [Compared(name, committed[name], found[name], 0) for name in COUNTS]
    last, again = (each["runs"][0]["history"][-1] for each in (committed, found))
    for name in (name for name in last if name != "epoch"):
        tolerance = ACCURACY_TOLERANCE if name.endswith("accuracy") else LOSS_TOLERANCE * last[name]
        rows.append(Compared(name, last[name], again[name], tolerance))
    return rows
