"""Have wang's network, trained anew, read digits that were drawn for digitrec's tests. Called in reproduction/.

Reads   params.yaml, ../tests/drawn, ../data/{dataset.json,train}; $DIGITREC_DEVICE, $DIGITREC_JOBS
Writes  metrics/home_made_digits.json, data/home_made/{images,labels,probabilities}.npy (the first seed's)
"""

from pathlib import Path

import numpy as np

from digitrec.data.dataset import read_dataset_spec
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import write_array, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.home_made import read_home_made
from digitrec.reproduction.runs import Data, measurement, run_system
from digitrec.reproduction.systems import load_systems

SYSTEM = "wang"


def main(root: Path) -> None:
    params, main_data, drawn = load_systems(root / "params.yaml"), root / "../data", root / "data/home_made"
    system, image = params.system(SYSTEM), read_dataset_spec(main_data / "dataset.json").image
    images, labels = read_home_made(root / "../tests/drawn", image)
    write_array(drawn / "images.npy", images)
    write_array(drawn / "labels.npy", labels)
    # In place of the test images. The same seeds come to the same networks as in stage train-system.
    data = Data(image, main_data / "train", drawn, params.shorten.max_images)
    device, jobs = device_from_environment(), jobs_from_environment()
    runs = run_system(SYSTEM, system, params.shorten, data, root / "data/cache", device, jobs)
    result = measurement(SYSTEM, system, params.shorten, data, [run for run, _, _ in runs])
    probabilities = runs[0][1] if runs else np.empty((0, image.n_classes), np.float32)
    write_array(drawn / "probabilities.npy", probabilities)
    write_json(root / "metrics/home_made_digits.json", result)
    right = ", ".join(f"{run['test']['accuracy'] * len(labels):.0f}" for run in result["runs"])
    print(f"{SYSTEM}: {right or 'not measured: no seeds'} of {len(labels)} drawn digits right")


if __name__ == "__main__":
    run_stage(main)
