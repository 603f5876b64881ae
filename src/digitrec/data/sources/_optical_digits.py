"""scikit-learn's embedded digits: 1,797 real handwritten digits of 8x8 pixels.

They are the test part of UCI's Optical Recognition of Handwritten Digits (doi 10.24432/C50P49).
"""

import numpy as np

# A fifth.
N_TEST = 360
LICENCE = "CC BY 4.0"


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Give the images, uint8 of shape (n, 8, 8), 255 = ink, and their labels, uint8."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    return np.rint(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels.astype(np.uint8)
