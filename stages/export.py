"""Write the final network as ONNX, with normalization, temperature and softmax inside, and check it.

Reads   data/{checkpoints,calibration,reader,test}, metrics/{evaluate,calibrate}.json; $DIGITREC_JOBS
Writes  data/export/{model.onnx,reader.onnx,model.json,README.md}, metrics/export.json, metrics/times/export.json
"""

import hashlib
from pathlib import Path

from digitrec.export.model_card import model_card
from digitrec.export.onnx import copy_reader, differences, to_onnx, torch_probabilities, whole_network
from digitrec.export.speed import compare_speed
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import read_array, read_json, replacing, write_json
from digitrec.pipeline.machine import describe_machine
from digitrec.pipeline.stage import run_stage
from digitrec.reading.exported import Exported, ExportedNetwork
from digitrec.training.checkpoints import load_checkpoint
from digitrec.training.network import count_parameters


def main(root: Path) -> None:
    network, dataset, training, _ = load_checkpoint(root / "data/checkpoints/final.safetensors")
    scores, calibrated = read_json(root / "metrics/evaluate.json"), read_json(root / "metrics/calibrate.json")
    chosen = read_json(root / "data/calibration/calibration.json")
    images, folder = read_array(root / "data/test/images.npy"), root / "data/export"
    module = whole_network(network, chosen["temperature"])
    content = to_onnx(module, dataset.image)
    found = {key: scores[key] for key in ("accuracy", "accuracy_ci95", "errors", "n")}
    chosen |= {"sha256": hashlib.sha256(content).hexdigest()} | copy_reader(root / "data/reader", folder)
    exported = Exported(dataset=dataset, training=training, **chosen, **found)
    with replacing(folder / "model.onnx") as temporary:
        temporary.write_bytes(content)
    write_json(folder / "model.json", exported.model_dump(mode="json"))
    checked = differences(torch_probabilities(module, images), ExportedNetwork(folder).alone(images))
    size = {"size_bytes": len(content), "n_parameters": count_parameters(network)}
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(model_card(exported, calibrated, **size), encoding="utf-8")
    write_json(root / "metrics/export.json", size | checked)
    speed = compare_speed(folder, module, images, jobs_from_environment())
    write_json(root / "metrics/times/export.json", speed | {"machine": describe_machine()})
    one = {name: times["latency_us"] for name, times in speed["1_threads"].items()}
    print(
        f"{len(content):,} bytes; {checked['other_class']} of {checked['n']:,} images in another class than PyTorch's; "
        f"one image takes {one['onnxruntime']} us, in PyTorch {one['torch']} us"
    )


if __name__ == "__main__":
    run_stage(main)
