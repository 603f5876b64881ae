"""scikit-learn's embedded digits, 1,797 of them, at their own 8x8 pixels."""

from digitrec.data.dataset import ImageDataset
from digitrec.data.downloads import Fetch
from digitrec.data.sources._held_out import hold_out
from digitrec.data.sources._optical_digits import LICENCE, N_TEST, read_digits
from digitrec.spec import DatasetSpec, ImageSpec

SPEC = DatasetSpec(
    name="digits_8x8",
    title="scikit-learn's handwritten digits, white on black",
    licence=LICENCE,
    image=ImageSpec(height=8, width=8, channels=1, classes=tuple("0123456789"), preparation="mnist"),
)


def load(fetch: Fetch) -> ImageDataset:
    """Split the digits; nothing is fetched."""
    small, labels = read_digits()
    return ImageDataset(SPEC, *hold_out(small[..., None], labels, N_TEST))
