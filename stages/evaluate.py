"""Score the final network on the test images, once.

Reads   params.yaml, data/test, data/checkpoints/final.*, plots/history.csv; $DIGITREC_DEVICE
Writes  data/final/probabilities.npy, metrics/evaluate.json, plots/{confusion,predictions}.csv,
        plots/{confusion,history,errors}.png
"""

from pathlib import Path

from digitrec.artifacts import read_array, read_csv, write_array, write_csv, write_json
from digitrec.checkpoints import load_checkpoint
from digitrec.evaluation import evaluation_figures, prediction_rows
from digitrec.params import load_params
from digitrec.plots import save_figure
from digitrec.scores import classification_scores
from digitrec.stage import run_stage, stopwatch
from digitrec.training import device_from_environment


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    classifier, _ = load_checkpoint(root / "data/checkpoints/final.safetensors", device_from_environment())
    images, labels = read_array(root / "data/test/images.npy"), read_array(root / "data/test/labels.npy")
    with stopwatch() as seconds:
        probabilities = classifier.predict_proba(images)
    scores = classification_scores(labels, probabilities, params.evaluate.confused_pairs)

    rows = prediction_rows(labels, probabilities)
    write_array(root / "data/final/probabilities.npy", probabilities)
    write_csv(root / "plots/predictions.csv", rows, list(rows[0]))
    write_csv(
        root / "plots/confusion.csv",
        [{k: row[k] for k in ("label", "predicted")} for row in rows],
        ["label", "predicted"],
    )
    history = read_csv(root / "plots/history.csv")
    for name, figure in evaluation_figures(images, labels, probabilities, history, params.evaluate.gallery).items():
        save_figure(figure, root / f"plots/{name}.png")
    write_json(root / "metrics/evaluate.json", scores)
    write_json(root / "metrics/times/evaluate.json", {"predict_seconds": seconds()})
    low, high = scores["accuracy_ci95"]
    print(f"accuracy {scores['accuracy']:.4f} [{low:.4f}, {high:.4f}], {scores['errors']} errors in {scores['n']:,}")


if __name__ == "__main__":
    run_stage(main)
