"""Give training images places in a plane by t-SNE. Called with the number of images, in reproduction/.

Reads   ../data/{dataset.json,train}
Writes  data/tsne/NUMBER.csv
"""

import sys
from pathlib import Path

from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.evaluation.embedding import embed
from digitrec.pipeline.files import write_csv
from digitrec.pipeline.stage import run_stage, stopwatch

SEED = 0


def main(root: Path, number: str) -> None:
    n = int(number)
    classes = read_dataset_spec(root / "../data/dataset.json").image.classes
    images, labels = (array[:n] for array in read_part(root / "../data/train"))
    with stopwatch() as seconds:
        points = embed(images, SEED)
    # Places go from about -100 to 100, and are drawn on some 600 pixels.
    rows = [
        {"x": f"{x:.2f}", "y": f"{y:.2f}", "label": classes[label]}
        for (x, y), label in zip(points, labels, strict=True)
    ]
    write_csv(root / f"data/tsne/{n}.csv", rows, ("x", "y", "label"))
    print(f"t-SNE of {len(labels):,} images in {seconds()} s")


if __name__ == "__main__":
    run_stage(main, sys.argv[1])
