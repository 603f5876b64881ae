"""Fit the baselines on the training images and predict the test images. One stage, so that its output is exactly those.

Reads   params.yaml, data/train, data/test/images.npy, data/cache/baselines (earlier fits); $DIGITREC_JOBS
Writes  data/baselines/NAME/{model.skops,predictions.npy,model.json}, metrics/times/NAME.json
"""

import shutil
from pathlib import Path

from joblib import parallel_config

from digitrec.baselines._fitted import FILES, fitted
from digitrec.config.params import load_params
from digitrec.data.dataset import read_part
from digitrec.pipeline.environment import jobs_from_environment
from digitrec.pipeline.files import read_array, read_json, replacing, write_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    images, labels = read_part(root / "data/train")
    test_images = read_array(root / "data/test/images.npy")
    for name in params.baselines:
        with parallel_config(n_jobs=jobs_from_environment()):
            kept = fitted(name, params.seed, images, labels, test_images, root / "data/cache/baselines")
        for file in FILES:
            with replacing(root / "data/baselines" / name / file) as temporary:
                shutil.copyfile(kept / file, temporary)
        write_json(root / f"metrics/times/{name}.json", read_json(kept / "times.json"))


if __name__ == "__main__":
    run_stage(main)
