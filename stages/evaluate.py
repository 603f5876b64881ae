"""Score the final network on the test images, once.

Reads   params.yaml, data/test, data/checkpoints/final*; $DIGITREC_DEVICE
Writes  data/final/probabilities.npy, metrics/evaluate.json, plots/{confusion,predictions}.csv,
        metrics/times/evaluate.json
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.dataset import read_part
from digitrec.evaluation.inference import predict_probabilities
from digitrec.evaluation.predictions import prediction_rows, with_names
from digitrec.evaluation.scores import classification_scores
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.files import write_array, write_csv, write_json
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.training.checkpoints import load_checkpoint


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    checkpoint = load_checkpoint(root / "data/checkpoints/final.safetensors", device_from_environment())
    classes = checkpoint.dataset.image.classes
    images, labels = read_part(root / "data/test")
    with stopwatch() as seconds:
        probabilities = predict_probabilities(checkpoint.network, images)
    scores = classification_scores(labels, probabilities, classes, params.evaluate.confused_pairs)

    rows = with_names(prediction_rows(labels, probabilities), classes)
    pairs = [{key: row[key] for key in ("label", "predicted")} for row in rows]
    write_array(root / "data/final/probabilities.npy", probabilities)
    write_csv(root / "plots/predictions.csv", rows, list(rows[0]))
    write_csv(root / "plots/confusion.csv", pairs, ["label", "predicted"])
    write_json(root / "metrics/evaluate.json", scores)
    write_json(root / "metrics/times/evaluate.json", {"predict_seconds": seconds()})
    low, high = scores["accuracy_ci95"]
    print(f"accuracy {scores['accuracy']:.4f} [{low:.4f}, {high:.4f}], {scores['errors']} errors in {scores['n']:,}")


if __name__ == "__main__":
    run_stage(main)
