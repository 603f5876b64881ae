"""Hold the final model against the baselines.

Reads   params.yaml, data/test/labels.npy, data/final/probabilities.npy, data/baselines, metrics/train_final.json
Writes  metrics/compare_baselines.json, plots/compare_baselines.csv
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.evaluation.comparison import FINAL, compare, comparison_rows
from digitrec.pipeline.files import read_array, read_json, write_csv, write_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    labels = read_array(root / "data/test/labels.npy")
    predictions = {FINAL: read_array(root / "data/final/probabilities.npy").argmax(1)}
    n_parameters = {FINAL: read_json(root / "metrics/train_final.json")["n_parameters"]}
    for name in params.baselines:
        folder = root / "data/baselines" / name
        predictions[name] = read_array(folder / "predictions.npy")
        n_parameters[name] = read_json(folder / "model.json")["n_parameters"]
    scores = compare(labels, predictions, n_parameters)
    rows = comparison_rows(scores)
    write_csv(root / "plots/compare_baselines.csv", rows, list(rows[0]))
    write_json(root / "metrics/compare_baselines.json", scores)
    print(f"{FINAL}: {scores[FINAL]['errors']} errors; best baseline: {next(n for n in scores if n != FINAL)}")


if __name__ == "__main__":
    run_stage(main)
