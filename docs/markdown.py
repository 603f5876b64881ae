"""Tables as Markdown has them."""

from collections.abc import Iterable, Sequence

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
