"""Draw what the data look like.

Reads   params.yaml, data/train, data/test/labels.npy
Writes  plots/{samples,samples_augmented,explore_classes,explore_means,explore_tsne}.png
"""

from pathlib import Path

from digitrec.artifacts import read_array
from digitrec.embedding import embed, embedding_figure
from digitrec.exploration import augmentation_figure, classes_figure, means_figure, samples_figure
from digitrec.params import load_params
from digitrec.plots import save_figure
from digitrec.seeding import derive_seed
from digitrec.stage import run_stage


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    images, labels = read_array(root / "data/train/images.npy"), read_array(root / "data/train/labels.npy")
    test_labels = read_array(root / "data/test/labels.npy")
    seed = derive_seed(params.seed, "explore")
    n = params.explore.tsne_images
    figures = {
        "samples": samples_figure(images, labels),
        "samples_augmented": augmentation_figure(images, labels, params.recipe, params.chosen_recipe, seed),
        "explore_classes": classes_figure(labels, test_labels),
        "explore_means": means_figure(images, labels),
        "explore_tsne": embedding_figure(embed(images[:n], seed), labels[:n]),
    }
    for name, figure in figures.items():
        save_figure(figure, root / f"plots/{name}.png")
    print(f"{len(labels):,} training images, {len(figures)} figures in {root / 'plots'}")


if __name__ == "__main__":
    run_stage(main)
