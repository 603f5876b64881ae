"""Train the chosen network on the training images, with a validation split.

Reads   params.yaml, data/train, metrics/normalize_stats.json, data/gridsearch/best_params.json; $DIGITREC_DEVICE
Writes  data/checkpoints/final.safetensors and .json, metrics/train_final.json, plots/history.csv, plots/live/,
        metrics/times/train_final.json
"""

from datetime import UTC, datetime
from pathlib import Path

from digitrec.artifacts import read_array, read_json, write_csv, write_json
from digitrec.checkpoints import save_checkpoint
from digitrec.final import resolve_settings
from digitrec.fitting import CURVES, fit
from digitrec.live import DVCLiveCallback
from digitrec.params import load_params
from digitrec.stage import run_stage, stopwatch
from digitrec.training import device_from_environment


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    statistics = read_json(root / "metrics/normalize_stats.json")
    settings = resolve_settings(params, read_json(root / "data/gridsearch/best_params.json"), statistics)
    images, labels = read_array(root / "data/train/images.npy"), read_array(root / "data/train/labels.npy")
    device = device_from_environment()
    with stopwatch() as seconds:
        live = DVCLiveCallback(root / "plots/live", CURVES)
        classifier, resume_state = fit(
            settings, images, labels, device, root / "data/cache/train_final", [("live", live)]
        )
    columns = ("epoch", *CURVES)
    rows = [{key: row[key] for key in columns} for row in classifier.history]
    n_parameters = sum(p.numel() for p in classifier.module_.parameters())
    save_checkpoint(root / "data/checkpoints/final.safetensors", classifier.module_, settings)
    write_csv(root / "plots/history.csv", rows, columns)
    metrics = {"epochs": len(rows)} | {k: v for k, v in rows[-1].items() if k != "epoch"}
    write_json(root / "metrics/train_final.json", metrics | {"n_parameters": n_parameters})
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    times = {"fit_seconds": seconds(), "device": device, "finished": finished}
    write_json(root / "metrics/times/train_final.json", times)
    # Everything is on disk: the state to resume from has done its work.
    resume_state.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main)
