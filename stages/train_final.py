"""Train the chosen network on the training images, with a validation split.

Reads   params.yaml, data/dataset.json, data/train, metrics/normalize_stats.json, data/gridsearch/best_params.json;
        $DIGITREC_DEVICE
Writes  data/checkpoints/final.safetensors, final.json and final_valid_rows.npy, metrics/train_final.json,
        plots/history.csv, plots/live/, metrics/times/train_final.json
"""

from datetime import UTC, datetime
from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.dataset import read_dataset_spec, read_normalization, read_part
from digitrec.data.split import validation_split
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.files import read_json, write_csv, write_json
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.spec import Hyperparameters
from digitrec.training.checkpoints import save_checkpoint
from digitrec.training.fit import CURVES, fit
from digitrec.training.live import DVCLiveCallback
from digitrec.training.network import count_parameters


def main(root: Path) -> None:
    params, dataset = load_params(root / "params.yaml"), read_dataset_spec(root / "data/dataset.json")
    best = Hyperparameters.model_validate(read_json(root / "data/gridsearch/best_params.json"))
    normalization = read_normalization(root / "metrics/normalize_stats.json")
    training = params.training(best, dataset.image, normalization)
    images, labels = read_part(root / "data/train")
    split = validation_split(labels, training.recipe.valid_fraction, training.seed)
    device, live = device_from_environment(), DVCLiveCallback(root / "plots/live", CURVES)
    with stopwatch() as seconds:
        net, resume_state = fit(
            training, dataset.image, images, labels, device, root / "data/cache/train_final", [("live", live)], 1, split
        )
    save_checkpoint(root / "data/checkpoints/final.safetensors", net.module_, dataset, training, split[1])
    rows = [{key: row[key] for key in ("epoch", *CURVES)} for row in net.history]
    write_csv(root / "plots/history.csv", rows, list(rows[0]))
    metrics = {"epochs": len(rows)} | {key: rows[-1][key] for key in CURVES}
    write_json(root / "metrics/train_final.json", metrics | {"n_parameters": count_parameters(net.module_)})
    times = {"device": device, "finished": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(root / "metrics/times/train_final.json", {"fit_seconds": seconds()} | times)
    # Everything is on disk: the state to resume from has done its work.
    resume_state.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main)
