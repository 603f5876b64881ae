"""Test images of sets that were published in one piece."""

import numpy as np


def hold_out(
    images: np.ndarray, labels: np.ndarray, n_test: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Split images and labels into training and test, stratified, in random order and always alike."""
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(len(labels)), test_size=n_test, stratify=labels, random_state=0)
    return images[train], labels[train], images[test], labels[test]
