"""Independent seeds derived from one."""

import hashlib


def derive_seed(seed: int, *labels: str | int) -> int:
    """Derive a seed for one purpose, so that no result depends on the order in which things are drawn.

    Parameters
    ----------
    seed : int
        The seed that a person chose.
    labels : str or int
        What the derived seed is for, such as ``"weights"`` or ``"epoch", 3``.

    Returns
    -------
    int
        From 0 to 2**32 - 1: other labels, another seed.
    """
    text = "/".join([str(seed), *map(str, labels)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
