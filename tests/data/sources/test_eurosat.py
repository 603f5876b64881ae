import inspect
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import EuroSAT

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import eurosat
from tests.tiny import fetch_from


def _jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def test_each_folder_is_a_class_and_a_fifth_of_each_is_held_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "EuroSAT.zip", "w") as archive:
        archive.mkdir("2750")
        for label, name in reversed(list(enumerate(eurosat.CLASSES))):
            for number in range(5):
                pixels = np.full((64, 64, 3), (20 * label, 20 * number, 100), np.uint8)
                archive.writestr(f"2750/{name}/{name}_{number + 1}.jpg", _jpeg(pixels))
    asked = []
    found = eurosat.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    assert sorted(found.test_labels) == list(range(10))
    assert sorted(found.train_labels) == sorted([*range(10)] * 4)
    for images, labels in ((found.train_images, found.train_labels), (found.test_images, found.test_labels)):
        np.testing.assert_allclose(images[:, 32, 32, 0] / 20, labels, atol=0.2)
        np.testing.assert_allclose(images[..., 2], 100, atol=4)
    # What torchvision asks for stands in its code alone.
    code = inspect.getsource(EuroSAT.download)
    (file,) = asked
    assert f'"{file.mirrors[0]}{file.name}"' in code
    assert f'"{file.md5_of_file}"' in code
