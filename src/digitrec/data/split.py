"""Which training images are held out for validation."""

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from digitrec.data.enough import split_problem
from digitrec.errors import DataError
from digitrec.pipeline.seeding import derive_seed


def validation_split(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a share of each class.

    Parameters
    ----------
    labels : array
        Integers of shape (n,).
    fraction : float
        The share that is held out, in (0, 1).
    seed : int
        That a person chose.

    Returns
    -------
    train_rows, valid_rows : array
        Row numbers, int64, ascending.

    Raises
    ------
    DataError
        When a class has fewer than two images, or the share is less than one image a class.
    """
    if problem := split_problem(np.unique(labels, return_counts=True)[1], fraction):
        raise DataError(problem)
    splitter = StratifiedShuffleSplit(1, test_size=fraction, random_state=derive_seed(seed, "validation"))
    train, valid = next(splitter.split(np.zeros(len(labels)), labels))
    return np.sort(train), np.sort(valid)
