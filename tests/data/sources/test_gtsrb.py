import inspect
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import GTSRB

from digitrec.data.dataset import check_dataset
from digitrec.data.sources import gtsrb
from tests.tiny import fetch_from


def _ppm(label: int, height: int, width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (5 * label, 100, 200)).save(file, "PPM")
    return file.getvalue()


def test_training_classes_are_folders_and_those_of_the_test_stand_in_a_table(tmp_path: Path) -> None:
    train, test, table = gtsrb.MD5_OF_FILES
    with zipfile.ZipFile(tmp_path / train, "w") as archive:
        archive.writestr("GTSRB/Readme-Images.txt", "about them")
        for label in (42, 0, 7):
            archive.writestr(f"GTSRB/Training/{label:05}/GT-{label:05}.csv", "Filename;Width\n")
            for number in range(4):
                archive.writestr(f"GTSRB/Training/{label:05}/00000_{number:05}.ppm", _ppm(label, 30 + number, 33))
    rows = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    with zipfile.ZipFile(tmp_path / test, "w") as archive:
        for number, label in enumerate((16, 1, 38)):
            archive.writestr(f"GTSRB/Final_Test/Images/{number:05}.ppm", _ppm(label, 50, 20))
            rows.append(f"{number:05}.ppm;20;50;5;5;15;45;{label}")
    with zipfile.ZipFile(tmp_path / table, "w") as archive:
        archive.writestr("GT-final_test.csv", "\r\n".join([*rows, ""]))
    asked = []
    found = gtsrb.load(fetch_from(tmp_path, asked))
    check_dataset(found)
    assert sorted(found.train_labels) == [0] * 4 + [7] * 4 + [42] * 4
    assert sorted(found.train_labels) != found.train_labels.tolist()
    assert found.test_labels.tolist() == [16, 1, 38]
    for images, labels in ((found.train_images, found.train_labels), (found.test_images, found.test_labels)):
        np.testing.assert_array_equal(images[:, 16, 16, 0], 5 * labels)
    # What torchvision asks for stands in its code alone.
    code = inspect.getsource(GTSRB.download)
    for file in asked:
        assert f'"{file.mirrors[0]}"' in code
        assert f"/{file.name}" in code.replace("{base_url}", "/")
        assert f'"{file.md5_of_file}"' in code


def test_there_are_43_classes_of_different_names() -> None:
    assert len(set(gtsrb.CLASSES)) == 43
