"""Measure mean and standard deviation of the training images' pixels.

Reads   params.yaml, data/train/images.npy
Writes  metrics/normalize_stats.json
"""

from pathlib import Path

from digitrec.artifacts import read_array, write_json
from digitrec.params import load_params
from digitrec.pixel_statistics import pixel_statistics
from digitrec.stage import run_stage


def main(root: Path) -> None:
    chosen = load_params(root / "params.yaml").normalize_stats
    images = read_array(root / "data/train/images.npy")
    mean, std = pixel_statistics(images)
    statistics = {
        "mean": mean if chosen.mean == "auto" else chosen.mean,
        "std": std if chosen.std == "auto" else chosen.std,
        "n_images": len(images),
    }
    write_json(root / "metrics/normalize_stats.json", statistics)
    print(f"mean {statistics['mean']:.4f}, standard deviation {statistics['std']:.4f}, {len(images):,} images")


if __name__ == "__main__":
    run_stage(main)
