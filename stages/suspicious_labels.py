"""Find training labels that are likely wrong, and the final model's answers where test labels are. In reproduction/.

Reads   params.yaml, ../data/{dataset.json,train}, ../data/test/labels.npy, ../data/final/probabilities.npy;
        $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  metrics/suspicious_labels.json, plots/suspicious_labels.csv, plots/known_wrong_labels.csv
"""

from pathlib import Path

from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.data.statistics import pixel_statistics
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_array, write_csv, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.suspicious import known_wrong_rows, out_of_fold_probabilities, summarize, suspicious_rows
from digitrec.reproduction.systems import load_systems

SEED = 0
SUSPICIOUS = ("index", "label", "predicted", "probability", "probability_of_label")
KNOWN_WRONG_COLUMNS = ("index", "label", "predicted", "probability")


def main(root: Path) -> None:
    params = load_systems(root / "params.yaml").suspicious_labels
    image = read_dataset_spec(root / "../data/dataset.json").image
    images, labels = (array[: params.max_images] for array in read_part(root / "../data/train"))
    test_labels = read_array(root / "../data/test/labels.npy")
    final = read_array(root / "../data/final/probabilities.npy")

    training = params.training_with(pixel_statistics(images), SEED)
    device, jobs = device_from_environment(), jobs_from_environment()
    probabilities = out_of_fold_probabilities(
        training, image, params.folds, images, labels, root / "data/cache", device, jobs
    )
    suspicious, known_wrong = suspicious_rows(labels, probabilities), known_wrong_rows(test_labels, final)
    summary = summarize(labels, probabilities, suspicious, test_labels, final, known_wrong)
    write_csv(root / "plots/suspicious_labels.csv", suspicious, SUSPICIOUS)
    known_wrong_table = [{column: row[column] for column in KNOWN_WRONG_COLUMNS} for row in known_wrong]
    write_csv(root / "plots/known_wrong_labels.csv", known_wrong_table, KNOWN_WRONG_COLUMNS)
    write_json(root / "metrics/suspicious_labels.json", {"folds": params.folds} | summary)
    print(
        f"{len(suspicious)} of {len(labels):,} training labels are suspicious; of the final model's "
        f"{summary['n_errors']} errors {summary['errors_on_known_wrong']} are on labels known to be wrong"
    )


if __name__ == "__main__":
    run_stage(main)
