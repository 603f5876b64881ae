"""Tables as Markdown has them, and numbers as documents write them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RULES = {"l": "---", "r": "---:"}


def table(head: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    """Write a table.

    Parameters
    ----------
    head : sequence of str
        Of each column.
    align : str
        A letter a column, l for left and r for right.
    rows : iterable of sequence of str
        As many cells each.
    """
    lines = [head, [RULES[letter] for letter in align], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def percent(share: float, digits: int = 2) -> str:
    """Write a share."""
    return f"{100 * share:.{digits}f} %"


def interval(bounds: Sequence[float], digits: int = 2) -> str:
    """Write the bounds of a share."""
    return " to ".join(f"{100 * bound:.{digits}f}" for bound in bounds)


def machine_of(machine: Mapping[str, Any]) -> str:
    """Name the machine of a result."""
    return f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"


def seconds_of(seconds: float) -> str:
    """Write seconds with as many digits as they deserve."""
    return f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"
