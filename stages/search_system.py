"""Search hyper-parameters for a published system as its paper did. Called with the system's name, in reproduction/.

Reads   params.yaml, ../data/train; $DIGITREC_JOBS, $DIGITREC_DEVICE
Writes  metrics/search.json, plots/search.csv
"""

import sys
from pathlib import Path

from digitrec.artifacts import read_array, write_csv, write_json
from digitrec.images import Normalization
from digitrec.jobs import jobs_from_environment
from digitrec.reproduction.systems import load_systems
from digitrec.search.cells import Problem
from digitrec.search.results import find_best
from digitrec.stage import run_stage
from digitrec.training import device_from_environment


def main(root: Path, name: str) -> None:
    params = load_systems(root / "params.yaml")
    system, space = params.system(name), params.search
    train = root / "../data/train"
    problem = Problem(
        train / "images.npy",
        train / "labels.npy",
        system.model,
        system.recipe,
        Normalization(system.mean, system.std),
        seed=0,
    )
    result = find_best(
        problem,
        space,
        space.architectures[system.model],
        read_array(problem.labels),
        root / "data/cache/search.jsonl",
        jobs_from_environment(),
        device_from_environment(),
    )
    write_csv(root / "plots/search.csv", result.rows, list(result.rows[0]))
    write_json(root / "metrics/search.json", result.summary)
    print(f"best of {result.summary['n_candidates']}: {result.best_params}, score {result.summary['best_score']:.4f}")


if __name__ == "__main__":
    run_stage(main, sys.argv[1])
