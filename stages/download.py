"""Fetch the dataset, or read one's own folder of images.

Reads   params.yaml; $DIGITREC_MIRROR or the dataset's public mirrors; data/own_index.json and the folder that it names
Writes  data/train/images.npy, data/train/labels.npy, data/test/images.npy, data/test/labels.npy, data/dataset.json
"""

import importlib
from pathlib import Path

import numpy as np

from digitrec.config.params import load_params
from digitrec.data.dataset import check_dataset, write_dataset
from digitrec.data.downloads import Fetcher
from digitrec.data.enough import too_few
from digitrec.errors import DataError
from digitrec.pipeline.environment import mirror_from_environment
from digitrec.pipeline.files import read_json
from digitrec.pipeline.stage import run_stage
from digitrec.spec import FolderSpec


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    # What cannot be done with the images is told before long work; what changes later, by the stages that do it.
    name, folds, share = params.dataset, params.search.cv, params.recipes[params.recipe].valid_fraction
    source = importlib.import_module(f"digitrec.data.sources.{name}")
    if name == "folder":
        index = read_json(root / "data/own_index.json")
        folder = FolderSpec.model_validate(index["folder"])
        dataset = source.load(root, folder, folds, root / "data/cache/folder", share)
    else:
        mirror = mirror_from_environment()
        dataset = source.load(Fetcher([mirror] if mirror else [], root / "data/cache/downloads"))
    check_dataset(dataset)
    image = dataset.spec.image
    if few := too_few(np.bincount(dataset.train_labels, minlength=image.n_classes), image.classes, folds, share):
        raise DataError(f"{name}: too few images:\n  " + "\n  ".join(few))
    write_dataset(root / "data", dataset)
    n_train, n_test = len(dataset.train_labels), len(dataset.test_labels)
    print(f"{name}: {n_train:,} training and {n_test:,} test images, {image}")


if __name__ == "__main__":
    run_stage(main)
