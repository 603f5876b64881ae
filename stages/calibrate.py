"""Calibrate the final network's probabilities and choose when it answers `unsure`, on validation images.

Reads   params.yaml, data/train, data/test, data/checkpoints/final.*; $DIGITREC_DEVICE
Writes  data/calibration/calibration.json, metrics/calibrate.json, plots/{reliability,coverage}.csv,
        plots/calibration.png
"""

from pathlib import Path

from scipy.special import softmax

from digitrec.artifacts import read_array, write_csv, write_json
from digitrec.calibration import (
    answered_scores,
    calibration_figure,
    calibration_scores,
    choose_threshold,
    coverage_rows,
    fit_temperature,
    network_logits,
    reliability_rows,
    validation_rows,
)
from digitrec.checkpoints import load_checkpoint
from digitrec.params import load_params
from digitrec.plots import save_figure
from digitrec.stage import run_stage
from digitrec.training import device_from_environment


def main(root: Path) -> None:
    target = load_params(root / "params.yaml").calibrate.target_accuracy
    classifier, settings = load_checkpoint(root / "data/checkpoints/final.safetensors", device_from_environment())
    images, labels = read_array(root / "data/train/images.npy"), read_array(root / "data/train/labels.npy")
    test_images, test_labels = read_array(root / "data/test/images.npy"), read_array(root / "data/test/labels.npy")
    rows = validation_rows(settings, labels)
    valid, valid_labels = network_logits(classifier, images[rows]), labels[rows]
    test = network_logits(classifier, test_images)
    temperature = fit_temperature(valid, valid_labels)
    calibrated, before, after = (softmax(x, 1) for x in (valid / temperature, test, test / temperature))
    threshold, strict = (choose_threshold(valid_labels, calibrated, share) for share in (target, 0.9995))

    chosen = {"temperature": temperature, "threshold": threshold}
    result = {
        "n_valid": len(rows),
        "before": calibration_scores(test_labels, before),
        "after": calibration_scores(test_labels, after),
        "answered": answered_scores(test_labels, after, threshold),
        "answered_for_99_95": {"threshold": strict} | answered_scores(test_labels, after, strict),
    }
    reliability, coverage = reliability_rows(test_labels, after), coverage_rows(test_labels, after)
    write_csv(root / "plots/reliability.csv", reliability, list(reliability[0]))
    # A curve needs no row for each of ten thousand images.
    write_csv(root / "plots/coverage.csv", coverage[:: 1 + len(coverage) // 1000], list(coverage[0]))
    save_figure(calibration_figure(test_labels, before, after, threshold, temperature), root / "plots/calibration.png")
    write_json(root / "data/calibration/calibration.json", chosen)
    write_json(root / "metrics/calibrate.json", chosen | result)
    print(
        f"temperature {temperature:.3f}: ECE {result['before']['ece']:.4f} -> {result['after']['ece']:.4f}; "
        f"{100 * result['answered']['coverage']:.2f} % of the test images are answered"
    )


if __name__ == "__main__":
    run_stage(main)
