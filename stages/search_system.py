"""Search hyper-parameters for a published system as its paper did. Called with the system's name, in reproduction/.

Reads   params.yaml, ../data/dataset.json, ../data/train; $DIGITREC_JOBS, $DIGITREC_DEVICE, $DIGITREC_SCHEDULER
Writes  metrics/search.json, plots/search.csv
"""

import sys
from pathlib import Path

from digitrec.data.dataset import read_dataset_spec
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_array, write_csv, write_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.systems import load_systems
from digitrec.search.cells import Problem
from digitrec.search.run import find_best


def main(root: Path, name: str) -> None:
    params, data = load_systems(root / "params.yaml"), root / "../data"
    system = params.system(name)
    problem = Problem(
        data / "train/images.npy",
        data / "train/labels.npy",
        read_dataset_spec(data / "dataset.json").image,
        system.model,
        system.recipe,
        system.normalization,
        seed=0,
    )
    result = find_best(
        problem,
        params.search.for_model(system.model),
        read_array(problem.labels),
        root / "data/cache/search.jsonl",
        jobs_from_environment(),
        device_from_environment(),
    )
    write_csv(root / "plots/search.csv", result.rows, list(result.rows[0]))
    write_json(root / "metrics/search.json", result.summary)
    print(f"best of {len(result.rows)}: {result.best.model_dump()}, score {result.summary['best_score']:.4f}")


if __name__ == "__main__":
    run_stage(main, sys.argv[1])
