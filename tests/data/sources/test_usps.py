import bz2
from pathlib import Path

import numpy as np
from torchvision.datasets import USPS

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import usps
from tests.tiny import fetch_from


def _text(pixels: np.ndarray, labels: list[int]) -> bytes:
    lines = []
    for row, label in zip(pixels, labels, strict=True):
        values = " ".join(f"{number}:{value:.6f}" for number, value in enumerate(row, 1) if value)
        lines.append(f"{label} {values}\n")
    return "".join(lines).encode()


def test_lines_of_numbers_become_pictures(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).uniform(-1, 1, (5, 256))
    # What is 0 may be left out in this format.
    pixels[0, :3] = -1, 0, 1
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(_text(pixels[:3], [1, 10, 7])))
    (tmp_path / "usps.t.bz2").write_bytes(bz2.compress(_text(pixels[3:], [2, 3])))
    asked = []
    found = usps.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    expected = np.rint((pixels + 1) * 127.5).astype(np.uint8).reshape(-1, 16, 16, 1)
    np.testing.assert_allclose(found.train_images.astype(int), expected[:3].astype(int), atol=1)
    np.testing.assert_allclose(found.test_images.astype(int), expected[3:].astype(int), atol=1)
    assert found.train_images[0, 0, :3, 0].tolist() == [0, 128, 255]
    assert found.train_labels.tolist() == [0, 9, 6]
    assert found.test_labels.tolist() == [1, 2]
    resources = [USPS.split_list["train"], USPS.split_list["test"]]
    assert [(f"{file.mirrors[0]}{file.name}", file.md5_of_file) for file in asked] == [
        (url, md5) for url, _, md5 in resources
    ]
