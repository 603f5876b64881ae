"""Draw the data: samples, what augmentation does to them, classes.

Reads   data/dataset.json, data/train, data/explore, plots/explore_{classes,tsne}.csv
Writes  plots/{samples,samples_augmented,explore_classes,explore_means,explore_tsne}.png
"""

from pathlib import Path

from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.figures.embedding import embedding_figure
from digitrec.figures.exploration import augmentation_figure, classes_figure, means_figure, samples_figure
from digitrec.figures.style import save_figures
from digitrec.pipeline.files import read_array, read_csv, read_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    image = read_dataset_spec(root / "data/dataset.json").image
    images, labels = read_part(root / "data/train")
    augmented = read_array(root / "data/explore/augmented.npy")
    about = read_json(root / "data/explore/augmented.json")
    means = read_array(root / "data/explore/means.npy")
    classes, ink = image.classes, image.preparation == "mnist"
    figures = {
        "samples": samples_figure(images, labels, classes, ink),
        "samples_augmented": augmentation_figure(augmented, about["rows"], about["classes"], ink),
        "explore_classes": classes_figure(read_csv(root / "plots/explore_classes.csv")),
        "explore_means": means_figure(means, classes, ink),
        "explore_tsne": embedding_figure(read_csv(root / "plots/explore_tsne.csv")),
    }
    save_figures(figures, root / "plots")


if __name__ == "__main__":
    run_stage(main)
