"""Calibrate the final network's probabilities and choose when it answers `unsure`, on validation images.

Reads   params.yaml, data/train, data/test, data/checkpoints/final*; $DIGITREC_DEVICE
Writes  data/calibration/calibration.json, metrics/calibrate.json, plots/{reliability,coverage}.csv
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.dataset import read_part
from digitrec.evaluation.calibration import calibrate, coverage_rows, reliability_rows
from digitrec.evaluation.inference import predict_logits
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.files import write_csv, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.training.checkpoints import load_checkpoint


def main(root: Path) -> None:
    target = load_params(root / "params.yaml").calibrate.target_accuracy
    checkpoint = load_checkpoint(root / "data/checkpoints/final.safetensors", device_from_environment())
    (images, labels), (test_images, test_labels) = (read_part(root / "data" / part) for part in ("train", "test"))
    held_out = checkpoint.valid_rows
    valid = predict_logits(checkpoint.network, images[held_out]), labels[held_out]
    metrics, before, after = calibrate(valid, (predict_logits(checkpoint.network, test_images), test_labels), target)

    reliability = [
        {"stage": stage} | row
        for stage, probabilities in (("before", before), ("after", after))
        for row in reliability_rows(test_labels, probabilities)
    ]
    coverage = coverage_rows(test_labels, after)
    write_csv(root / "plots/reliability.csv", reliability, list(reliability[0]))
    # A curve needs no row for each of ten thousand images.
    write_csv(root / "plots/coverage.csv", coverage[:: 1 + len(coverage) // 1000], list(coverage[0]))
    write_json(root / "data/calibration/calibration.json", {key: metrics[key] for key in ("temperature", "threshold")})
    write_json(root / "metrics/calibrate.json", metrics)
    for note in metrics["notes"]:
        print(f"note: {note}")
    ece, ece_after = (metrics[stage]["ece"] for stage in ("before", "after"))
    print(
        f"temperature {metrics['temperature']:.3f}: ECE {ece:.4f} -> {ece_after:.4f}; "
        f"{100 * metrics['answered']['coverage']:.2f} % of the test images are answered"
    )


if __name__ == "__main__":
    run_stage(main)
