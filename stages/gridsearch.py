"""Search hyper-parameters by cross-validation on the training images.

Reads   params.yaml, data/train, metrics/normalize_stats.json; $DIGITREC_JOBS, $DIGITREC_DEVICE
Writes  data/gridsearch/best_params.json (all that later stages need), metrics/gridsearch.json, plots/gridsearch.csv,
        plots/gridsearch_parallel.csv, plots/gridsearch.png
"""

from pathlib import Path

from digitrec.artifacts import read_array, read_json, write_csv, write_json
from digitrec.images import Normalization
from digitrec.jobs import jobs_from_environment
from digitrec.params import load_params
from digitrec.plots import save_figure
from digitrec.search.cells import Problem
from digitrec.search.figures import parallel_rows, search_figure
from digitrec.search.results import find_best
from digitrec.stage import run_stage, stopwatch
from digitrec.training import device_from_environment


def main(root: Path) -> None:
    params = load_params(root / "params.yaml")
    statistics = read_json(root / "metrics/normalize_stats.json")
    problem = Problem(
        root / "data/train/images.npy",
        root / "data/train/labels.npy",
        params.model,
        params.chosen_recipe,
        Normalization(statistics["mean"], statistics["std"]),
        params.seed,
    )
    labels = read_array(problem.labels)
    journal = root / "data/cache/gridsearch.jsonl"
    jobs, device = jobs_from_environment(), device_from_environment()
    with stopwatch() as seconds:
        result = find_best(problem, params.search, params.architecture_space, labels, journal, jobs, device)
    write_json(root / "data/gridsearch/best_params.json", result.best_params)
    write_csv(root / "plots/gridsearch.csv", result.rows, list(result.rows[0]))
    parallel = parallel_rows(result.rows, result.space)
    write_csv(root / "plots/gridsearch_parallel.csv", parallel, list(parallel[0]))
    save_figure(search_figure(result.rows, result.space), root / "plots/gridsearch.png")
    write_json(root / "metrics/gridsearch.json", result.summary)
    write_json(root / "metrics/times/gridsearch.json", {"seconds": seconds(), "jobs": jobs, "device": device})
    print(f"best of {result.summary['n_candidates']}: {result.best_params}, score {result.summary['best_score']:.4f}")


if __name__ == "__main__":
    run_stage(main)
