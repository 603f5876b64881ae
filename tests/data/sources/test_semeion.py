from pathlib import Path

import numpy as np
from torchvision.datasets import SEMEION

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import semeion
from tests.tiny import fetch_from


def test_lines_of_pixels_and_classes_become_pictures(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (60, 256))
    labels = np.arange(60) % 10
    # As published: pixels with four decimals, classes with none, a blank at the end of the line.
    lines = [
        " ".join([*(f"{pixel:.4f}" for pixel in row), *("1" if label == number else "0" for number in range(10)), ""])
        for row, label in zip(pixels, labels, strict=True)
    ]
    (tmp_path / "semeion.data").write_text("\n".join(lines) + "\n")
    asked = []
    found = semeion.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    assert len(found.test_labels) == 12
    assert set(found.test_labels) == set(range(10))
    expected = {row.tobytes(): label for row, label in zip((pixels * 255).astype(np.uint8), labels, strict=True)}
    images = np.concatenate([found.train_images, found.test_images])
    assert len(images) == 60
    for image, label in zip(images, [*found.train_labels, *found.test_labels], strict=True):
        assert expected.pop(image.tobytes()) == label
    (file,) = asked
    assert f"{file.mirrors[0]}{file.name}" == SEMEION.url.replace("http:", "https:")
    assert file.md5_of_file == SEMEION.md5_checksum
