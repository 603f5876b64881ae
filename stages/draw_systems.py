"""Draw the runs of all published systems, and what the stages embed and suspicious-labels found, in reproduction/.

Reads   params.yaml, claims.yaml, metrics/{systems,times}, data/{systems,tsne,home_made},
        plots/suspicious_labels.csv, plots/known_wrong_labels.csv, ../data/{dataset.json,train,test}
Writes  plots/{systems/NAME,tsne/NUMBER,training_time,home_made_digits,suspicious_labels,known_wrong_labels}.png
"""

from pathlib import Path

import numpy as np

from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.figures.embedding import embedding_figure
from digitrec.figures.style import save_figure
from digitrec.figures.suspicious import known_wrong_figure, suspicious_figure
from digitrec.figures.systems import home_made_figure, system_figure, training_time_figure
from digitrec.pipeline.files import read_array, read_csv, read_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.claims import load_claims, published_times
from digitrec.reproduction.systems import clear_unnamed, load_systems


def main(root: Path) -> None:
    params = load_systems(root / "params.yaml")
    clear_unnamed(root, params)  # Before stage claims, which depends on the same folders.
    published = published_times(load_claims(root / "claims.yaml", params.systems))
    classes = read_dataset_spec(root / "../data/dataset.json").image.classes
    (images, labels), (train_images, _) = (read_part(root / f"../data/{part}") for part in ("test", "train"))
    plots = root / "plots"
    (plots / "systems").mkdir(parents=True, exist_ok=True)
    ran = {name: each for name in params.systems if (each := read_json(root / f"metrics/systems/{name}.json"))["runs"]}
    for name, run in ran.items():
        # Of what another machine trained git has the numbers alone.
        if (answers := root / f"data/systems/{name}/probabilities.npy").exists():
            figure = system_figure(run, images, labels, read_array(answers), classes)
            save_figure(figure, plots / f"systems/{name}.png")
    seconds = {name: float(np.mean(read_json(root / f"metrics/times/{name}.json")["seconds"])) for name in ran}
    save_figure(training_time_figure(seconds, published), plots / "training_time.png")
    drawn, read = read_part(root / "data/home_made"), read_array(root / "data/home_made/probabilities.npy")
    save_figure(home_made_figure("wang", *drawn, read, classes), plots / "home_made_digits.png")
    for n in params.embedding.images:
        save_figure(embedding_figure(read_csv(root / f"data/tsne/{n}.csv")), plots / f"tsne/{n}.png")
    galleries = {"suspicious": (suspicious_figure, train_images), "known_wrong": (known_wrong_figure, images)}
    for name, (draw, of) in galleries.items():
        save_figure(draw(of, read_csv(plots / f"{name}_labels.csv"), classes), plots / f"{name}_labels.png")
    print(f"{len(list(plots.glob('systems/*.png')))} of {len(params.systems)} systems drawn")


if __name__ == "__main__":
    run_stage(main)
