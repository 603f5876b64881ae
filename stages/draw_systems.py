"""Draw the runs of all published systems, and what the stages embed and suspicious-labels found, in reproduction/.

Reads   params.yaml, claims.yaml, metrics/{systems,times}, data/{systems,tsne}, plots/suspicious_labels.csv,
        plots/known_wrong_labels.csv, ../data/{dataset.json,train,test}
Writes  plots/systems/NAME.png for each system that has runs, plots/tsne/NUMBER.png, plots/training_time.png,
        plots/suspicious_labels.png, plots/known_wrong_labels.png
"""

from pathlib import Path

import numpy as np

from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.figures.embedding import embedding_figure
from digitrec.figures.style import save_figure
from digitrec.figures.suspicious import known_wrong_figure, suspicious_figure
from digitrec.figures.systems import system_figure, training_time_figure
from digitrec.pipeline.files import read_array, read_csv, read_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.claims import load_claims, published_times
from digitrec.reproduction.systems import clear_unnamed, load_systems


def main(root: Path) -> None:
    params = load_systems(root / "params.yaml")
    # Before stage claims, which depends on the same folders.
    clear_unnamed(root, params)
    published = published_times(load_claims(root / "claims.yaml", params.systems))
    classes = read_dataset_spec(root / "../data/dataset.json").image.classes
    images, labels = read_part(root / "../data/test")
    plots, seconds = root / "plots", {}
    (plots / "systems").mkdir(parents=True, exist_ok=True)
    for name in params.systems:
        result = read_json(root / f"metrics/systems/{name}.json")
        if result["runs"]:
            probabilities = read_array(root / f"data/systems/{name}/probabilities.npy")
            save_figure(system_figure(result, images, labels, probabilities, classes), plots / f"systems/{name}.png")
            seconds[name] = float(np.mean(read_json(root / f"metrics/times/{name}.json")["seconds"]))
    save_figure(training_time_figure(seconds, published), plots / "training_time.png")
    for n in params.embedding.images:
        save_figure(embedding_figure(read_csv(root / f"data/tsne/{n}.csv")), plots / f"tsne/{n}.png")
    train_images, _ = read_part(root / "../data/train")
    suspicious, known_wrong = (read_csv(plots / f"{name}_labels.csv") for name in ("suspicious", "known_wrong"))
    save_figure(suspicious_figure(train_images, suspicious, classes), plots / "suspicious_labels.png")
    save_figure(known_wrong_figure(images, known_wrong, classes), plots / "known_wrong_labels.png")
    print(f"{len(seconds)} of {len(params.systems)} systems drawn")


if __name__ == "__main__":
    run_stage(main)
