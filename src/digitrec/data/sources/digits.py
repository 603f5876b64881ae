"""scikit-learn's embedded digits, 1,797 of them, enlarged to MNIST's 28x28 pixels."""

import numpy as np
from PIL import Image

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._held_out import hold_out
from digitrec.data.sources._optical_digits import LICENCE, N_TEST, read_digits
from digitrec.spec import DatasetSpec, ImageSpec

SPEC = DatasetSpec(
    name="digits",
    title="scikit-learn's handwritten digits of 8x8 pixels, enlarged, white on black",
    licence=LICENCE,
    image=ImageSpec(height=28, width=28, channels=1, classes=tuple("0123456789"), preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Resize the digits and split them; nothing is fetched."""
    small, labels = read_digits()
    large = [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC)) for image in small]
    return ImageDataset(SPEC, *hold_out(np.stack(large)[..., None], labels, N_TEST))
