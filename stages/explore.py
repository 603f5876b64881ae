"""Look at the data: counts, means, what augmentation does, which images are alike.

Reads   params.yaml, data/dataset.json, data/train, data/test/labels.npy
Writes  data/explore/{augmented.npy,augmented.json,means.npy}, plots/explore_{classes,tsne}.csv
"""

from pathlib import Path

import numpy as np

from digitrec.config.params import load_params
from digitrec.data.dataset import read_dataset_spec, read_part, spread
from digitrec.data.enough import imbalance
from digitrec.evaluation.embedding import embed, embedding_rows
from digitrec.evaluation.exploration import augmented_samples, class_rows, mean_images
from digitrec.pipeline.files import read_array, write_array, write_csv, write_json
from digitrec.pipeline.seeding import derive_seed
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    image = read_dataset_spec(root / "data/dataset.json").image
    images, labels = read_part(root / "data/train")
    seed = derive_seed(params.seed, "explore")

    counts = class_rows(labels, read_array(root / "data/test/labels.npy"), image.classes)
    write_csv(root / "plots/explore_classes.csv", counts, ["class", "train", "test"])
    write_array(root / "data/explore/means.npy", mean_images(images, labels, image.n_classes))
    samples = augmented_samples(images, labels, params.recipe, params.recipe_for(image), seed)
    write_array(root / "data/explore/augmented.npy", samples.images)
    about = {"rows": samples.rows, "classes": [image.classes[k] for k in samples.classes]}
    write_json(root / "data/explore/augmented.json", about)
    # Evenly spread: some datasets lie class by class.
    rows = spread(len(labels), params.explore.tsne_images)
    points = embedding_rows(embed(images[rows], seed), labels[rows], image.classes)
    write_csv(root / "plots/explore_tsne.csv", points, ["x", "y", "label"])
    print(f"{len(labels):,} training images, {image}, {image.n_classes} classes")
    if warning := imbalance(np.bincount(labels, minlength=image.n_classes), image.classes):
        print(f"warning: {warning}")


if __name__ == "__main__":
    run_stage(main)
