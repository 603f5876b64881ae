"""Measure mean and standard deviation of the training images' pixels, a number for each channel.

Reads   params.yaml, data/train/images.npy
Writes  metrics/normalize_stats.json
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.statistics import pixel_statistics
from digitrec.errors import ParamsError
from digitrec.pipeline.files import read_array, write_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    images = read_array(root / "data/train/images.npy")
    channels = images.shape[-1]
    section = load_params(root / "params.yaml").normalize_stats
    chosen = {"mean": section.mean, "std": section.std}
    if wrong := [
        f"normalize_stats.{key}: got {len(value)} numbers, expected a number, 'auto', or a list of {channels}: the "
        f"images have {channels} channel{'s' * (channels > 1)}"
        for key, value in chosen.items()
        if isinstance(value, list) and len(value) != channels
    ]:
        raise ParamsError(wrong)
    measured = pixel_statistics(images) if "auto" in chosen.values() else None
    statistics = {}
    for key, value in chosen.items():
        if measured and value == "auto":
            value = list(getattr(measured, key))
        values = value if isinstance(value, list) else [value] * channels
        # A number alone where there is one channel, as it has always been written.
        statistics[key] = values if channels > 1 else values[0]
    write_json(root / "metrics/normalize_stats.json", {**statistics, "n_images": len(images)})
    print(f"mean {statistics['mean']}, standard deviation {statistics['std']}, {len(images):,} images")


if __name__ == "__main__":
    run_stage(main)
