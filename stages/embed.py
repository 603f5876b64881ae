"""Draw training images as points in a plane by t-SNE. Called with the number of images, in reproduction/.

Reads   params.yaml, ../data/train
Writes  plots/tsne/NUMBER.png
"""

import sys
from pathlib import Path

from digitrec.artifacts import read_array
from digitrec.embedding import embed, embedding_figure
from digitrec.plots import save_figure
from digitrec.reproduction.systems import load_systems
from digitrec.stage import run_stage, stopwatch

SEED = 0


def main(root: Path, number: str) -> None:
    load_systems(root / "params.yaml")
    n = int(number)
    images, labels = (read_array(root / f"../data/train/{name}.npy")[:n] for name in ("images", "labels"))
    with stopwatch() as seconds:
        points = embed(images, SEED)
    save_figure(embedding_figure(points, labels), root / f"plots/tsne/{n}.png")
    print(f"t-SNE of {len(labels):,} images in {seconds()} s")


if __name__ == "__main__":
    run_stage(main, sys.argv[1])
