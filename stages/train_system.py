"""Train one published system from each of its seeds and score it. Called with the system's name, in reproduction/.

Reads   params.yaml, ../data/{dataset.json,train,test}; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  metrics/systems/NAME.json, metrics/times/NAME.json, data/systems/NAME/probabilities.npy (the first seed's)
"""

import sys
from pathlib import Path

import numpy as np

from digitrec.data.dataset import read_dataset_spec
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import write_array, write_json
from digitrec.pipeline.machine import describe_device, describe_machine
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.runs import Data, measurement, run_system
from digitrec.reproduction.systems import load_systems


def main(root: Path, name: str) -> None:
    params, main_data = load_systems(root / "params.yaml"), root / "../data"
    system, image = params.system(name), read_dataset_spec(main_data / "dataset.json").image
    data = Data(image, main_data / "train", main_data / "test", params.shorten.max_images)
    device, jobs = device_from_environment(), jobs_from_environment()
    runs = run_system(name, system, params.shorten, data, root / "data/cache", device, jobs)
    result = measurement(name, system, params.shorten, data, [run for run, _, _ in runs])
    # Without seeds there is nothing to keep, but DVC expects the file.
    probabilities = runs[0][1] if runs else np.empty((0, image.n_classes), np.float32)
    write_array(root / f"data/systems/{name}/probabilities.npy", probabilities)
    times = describe_machine() | {"device": describe_device(device), "seconds": [seconds for _, _, seconds in runs]}
    write_json(root / f"metrics/times/{name}.json", times)
    write_json(root / f"metrics/systems/{name}.json", result)
    accuracies = ", ".join(f"{100 * run['test']['accuracy']:.2f} %" for run in result["runs"])
    print(f"{name}: test accuracy {accuracies or 'not measured: no seeds'}")


if __name__ == "__main__":
    run_stage(main, sys.argv[1])
