"""Train the network that also answers that something is no digit, and choose from when on answers are given.

Reads   data/train, data/checkpoints/final*, data/calibration/calibration.json, params.yaml;
        $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  data/reader/reader.json and, where the dataset is of digits, reader.onnx; metrics/train_reader.json
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.dataset import read_part
from digitrec.export.reader import make_reader
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_json, replacing, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.training.checkpoints import load_checkpoint
from digitrec.training.reader import reads_digits


def main(root: Path) -> None:
    device = device_from_environment()
    checkpoint = load_checkpoint(root / "data/checkpoints/final.safetensors", device)
    if not reads_digits(checkpoint.dataset.image):
        for name in ("data/reader/reader.json", "metrics/train_reader.json"):
            write_json(root / name, {"threshold": None})
        print(f"{checkpoint.dataset.name} holds no digits as MNIST's: there is nothing to train")
        return
    temperature = read_json(root / "data/calibration/calibration.json")["temperature"]
    reader = make_reader(
        checkpoint,
        *read_part(root / "data/train"),
        temperature,
        load_params(root / "params.yaml").reader.max_epochs,
        device,
        jobs_from_environment(),
        root / "data/cache/train_reader",
    )
    with replacing(root / "data/reader/reader.onnx") as temporary:
        temporary.write_bytes(reader.content)
    write_json(root / "data/reader/reader.json", {"threshold": reader.metrics["threshold"]})
    write_json(root / "metrics/train_reader.json", reader.metrics)
    reader.resume_state.unlink(missing_ok=True)
    refused, kept = reader.metrics["refused"]["all"]["share"], reader.metrics["digits"]
    print(f"{refused:.1%} of what is no digit is refused; of {kept['n']:,} digits {kept['wrong']} are wrong")


if __name__ == "__main__":
    run_stage(main)
