import io
import tarfile
from pathlib import Path

import numpy as np
from torchvision.datasets import STL10

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import stl10
from tests.tiny import fetch_from


def test_pictures_are_turned_and_labels_count_from_0(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), np.uint8)
    parts = {"test": (images[3:], [10, 1]), "train": (images[:3], [2, 3, 4])}
    with tarfile.open(tmp_path / "stl10_binary.tar.gz", "w:gz") as archive:
        for part, (pictures, labels) in parts.items():
            # As published: a channel after the other, each column by column.
            pixels = pictures.transpose(0, 3, 2, 1).tobytes()
            for name, content in ((f"{part}_X.bin", pixels), (f"{part}_y.bin", bytes(labels))):
                member = tarfile.TarInfo(f"stl10_binary/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    asked = []
    found = stl10.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    np.testing.assert_array_equal(found.train_images, images[:3])
    np.testing.assert_array_equal(found.test_images, images[3:])
    assert found.train_labels.tolist() == [1, 2, 3]
    assert found.test_labels.tolist() == [9, 0]
    (file,) = asked
    assert file.md5_of_file == STL10.tgz_md5
    assert f"{file.mirrors[0]}{file.name}" == STL10.url.replace("http:", "https:")
