"""Fetch the dataset.

Reads   params.yaml; $DIGITREC_MIRROR, ../shared/DATASET or the dataset's public mirrors
Writes  data/train/images.npy, data/train/labels.npy, data/test/images.npy, data/test/labels.npy
"""

import importlib
from pathlib import Path

from digitrec.artifacts import write_array
from digitrec.downloads import Fetcher, sources_from_environment
from digitrec.idx import check_dataset
from digitrec.params import load_params
from digitrec.stage import run_stage


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    sources = sources_from_environment(root.parent / "shared" / params.dataset)
    fetch = Fetcher(sources, root / "data/cache/downloads")
    dataset = importlib.import_module(f"digitrec.datasets.{params.dataset}").load(fetch)
    check_dataset(dataset, params.dataset)
    for part in ("train", "test"):
        write_array(root / f"data/{part}/images.npy", getattr(dataset, f"{part}_images"))
        write_array(root / f"data/{part}/labels.npy", getattr(dataset, f"{part}_labels"))
    print(f"{params.dataset}: {len(dataset.train_labels):,} training and {len(dataset.test_labels):,} test images")


if __name__ == "__main__":
    run_stage(main)
