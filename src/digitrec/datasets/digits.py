"""scikit-learn's embedded digits: 1,797 real handwritten digits of 8x8 pixels, here 28x28.

They are the test part of UCI's Optical Recognition of Handwritten Digits (doi 10.24432/C50P49).
"""

import numpy as np
from PIL import Image

from digitrec.idx import Fetch, ImageDataset

N_TEST = 360


def load(fetch: Fetch) -> ImageDataset:
    """Resize the digits and split them, stratified and always alike; nothing is fetched."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, labels = load_digits(return_X_y=True)
    small = np.rint(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC)) for image in small]
    )
    train, test = train_test_split(np.arange(len(labels)), test_size=N_TEST, stratify=labels, random_state=0)
    labels = labels.astype(np.uint8)
    return ImageDataset(images[train], labels[train], images[test], labels[test])
