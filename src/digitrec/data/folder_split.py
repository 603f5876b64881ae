"""Which pictures of a folder are kept for the test."""

import hashlib

import numpy as np

from digitrec.pipeline.seeding import derive_seed


def places(digests: list[bytes], seed: int) -> np.ndarray:
    """Give each picture its place in a random order that depends on its content and the seed alone.

    A picture that is renamed, added or taken away, or another size that pictures are brought to, moves no other from
    training to test or back; pictures that are the same are neighbours.

    Parameters
    ----------
    digests : list of bytes
        Hashes of the pictures.
    seed : int
        That a person chose.

    Returns
    -------
    array
        uint64 of shape (n,), to sort by.
    """
    start = hashlib.sha256(str(derive_seed(seed, "test")).encode())
    keys = np.empty(len(digests), np.uint64)
    for number, digest in enumerate(digests):
        key = start.copy()
        key.update(digest)
        keys[number] = int.from_bytes(key.digest()[:8], "little")
    return keys


def held_out(labels: np.ndarray, keys: np.ndarray, share: float) -> np.ndarray:
    """Keep the same share of each class for the test, at least one picture, and never one of two that are the same.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    keys : array
        As `places` gives them.
    share : float
        Of each class, in (0, 1).

    Returns
    -------
    array
        Boolean of shape (n,): true for the test.
    """
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(keys[rows], kind="stable")]
        n_test = min(max(1, round(len(rows) * share)), len(rows) - 1)
        if n_test:
            # All copies of the last one go with it.
            test[rows[keys[rows] <= keys[rows[n_test - 1]]]] = True
    return test
