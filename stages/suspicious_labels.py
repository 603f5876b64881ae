"""Find training labels that are likely wrong, and the final model's answers where test labels are. In reproduction/.

Reads   params.yaml, ../data/train, ../data/test, ../data/final/probabilities.npy; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  metrics/suspicious_labels.json, plots/suspicious_labels.csv and .png, plots/known_wrong_labels.png
"""

from pathlib import Path

from digitrec.artifacts import read_array, write_csv, write_json
from digitrec.jobs import jobs_from_environment
from digitrec.pixel_statistics import pixel_statistics
from digitrec.plots import save_figure
from digitrec.reproduction.systems import load_systems
from digitrec.stage import run_stage
from digitrec.suspicious import (
    known_wrong_rows,
    out_of_fold_probabilities,
    summarize,
    suspicious_figures,
    suspicious_rows,
)
from digitrec.training import device_from_environment

SEED, GALLERY = 0, 60
COLUMNS = ("index", "label", "predicted", "probability", "probability_of_label")


def main(root: Path) -> None:
    params = load_systems(root / "params.yaml").suspicious_labels
    images, labels = (read_array(root / f"../data/train/{k}.npy")[: params.max_images] for k in ("images", "labels"))
    test_images, test_labels = (read_array(root / f"../data/test/{k}.npy") for k in ("images", "labels"))
    final = read_array(root / "../data/final/probabilities.npy")

    mean, std = pixel_statistics(images)
    settings = params.model_dump(exclude={"folds", "max_images"}) | {"mean": mean, "std": std, "seed": SEED}
    device, jobs = device_from_environment(), jobs_from_environment()
    probabilities = out_of_fold_probabilities(settings, params.folds, images, labels, root / "data/cache", device, jobs)
    suspicious, known_wrong = suspicious_rows(labels, probabilities), known_wrong_rows(test_labels, final)
    summary = summarize(labels, probabilities, suspicious, test_labels, final, known_wrong)
    for name, figure in suspicious_figures(images, suspicious, test_images, known_wrong, GALLERY).items():
        save_figure(figure, root / f"plots/{name}.png")
    write_csv(root / "plots/suspicious_labels.csv", suspicious, COLUMNS)
    write_json(root / "metrics/suspicious_labels.json", {"folds": params.folds} | summary)
    print(
        f"{len(suspicious)} of {len(labels):,} training labels are suspicious; of the final model's "
        f"{summary['n_errors']} errors {summary['errors_on_known_wrong']} are on labels known to be wrong"
    )


if __name__ == "__main__":
    run_stage(main)
