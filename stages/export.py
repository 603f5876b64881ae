"""Write the final network as ONNX, with normalization, temperature and softmax inside, and check it.

Reads   data/checkpoints/final.*, data/calibration/calibration.json, data/test/images.npy, metrics/evaluate.json,
        metrics/calibrate.json; $DIGITREC_JOBS
Writes  data/export/model.onnx, model.json and README.md, metrics/export.json, metrics/times/export.json
"""

import hashlib
from pathlib import Path

import torch

from digitrec.artifacts import read_array, read_json, replacing, write_json
from digitrec.checkpoints import load_checkpoint
from digitrec.export import differences, measure_speed, to_onnx, torch_probabilities, whole_network
from digitrec.jobs import jobs_from_environment
from digitrec.machine import describe_machine
from digitrec.model_card import model_card
from digitrec.recognizer import Recognizer
from digitrec.stage import run_stage


def main(root: Path) -> None:
    classifier, settings = load_checkpoint(root / "data/checkpoints/final.safetensors")
    calibration = read_json(root / "data/calibration/calibration.json")
    scores, calibrated = read_json(root / "metrics/evaluate.json"), read_json(root / "metrics/calibrate.json")
    images, folder = read_array(root / "data/test/images.npy"), root / "data/export"
    module = whole_network(classifier, calibration["temperature"])
    content = to_onnx(module)
    description = settings | calibration | {key: scores[key] for key in ("accuracy", "accuracy_ci95", "errors", "n")}
    description |= {"classes": len(scores["per_class"]), "sha256": hashlib.sha256(content).hexdigest()}

    with replacing(folder / "model.onnx") as temporary:
        temporary.write_bytes(content)
    write_json(folder / "model.json", description)
    recognizer = Recognizer(folder)
    expected = torch_probabilities(module, images)
    checked = differences(expected, recognizer.probabilities(images))
    n_parameters = sum(p.numel() for p in classifier.module_.parameters())
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(model_card(description, calibrated, n_parameters, len(content)), encoding="utf-8")
    write_json(root / "metrics/export.json", {"size_bytes": len(content), "n_parameters": n_parameters} | checked)
    speed = {}
    for threads in sorted({1, jobs_from_environment()}):
        torch.set_num_threads(threads)
        onnx = Recognizer(folder, threads).probabilities
        ways = {"onnxruntime": onnx, "torch": lambda batch: torch_probabilities(module, batch)}
        speed[f"{threads}_threads"] = measure_speed(ways, images)
    write_json(root / "metrics/times/export.json", speed | {"machine": describe_machine()})
    alone = speed["1_threads"]
    print(
        f"{len(content):,} bytes; {checked['other_class']} of {checked['n']:,} images in another class than PyTorch's, "
        f"largest difference {checked['largest_difference']:.1e}; one image {alone['onnxruntime']['latency_us']} us, "
        f"PyTorch {alone['torch']['latency_us']} us"
    )


if __name__ == "__main__":
    run_stage(main)
