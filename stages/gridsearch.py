"""Search hyper-parameters by cross-validation on the training images.

Reads   params.yaml, data/dataset.json, data/train, metrics/normalize_stats.json; $DIGITREC_JOBS, $DIGITREC_DEVICE,
        $DIGITREC_SCHEDULER
Writes  data/gridsearch/best_params.json (all that later stages need), metrics/gridsearch.json, plots/gridsearch.csv,
        plots/gridsearch_parallel.csv, metrics/times/gridsearch.json
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.dataset import read_dataset_spec, read_normalization
from digitrec.pipeline.environment import device_from_environment, jobs_from_environment
from digitrec.pipeline.files import read_array, write_csv, write_json
from digitrec.pipeline.stage import run_stage, stopwatch
from digitrec.search.cells import Problem
from digitrec.search.run import find_best
from digitrec.search.space import first_candidate
from digitrec.training.fit import check_batches


def main(root: Path) -> None:
    params, image = load_params(root / "params.yaml"), read_dataset_spec(root / "data/dataset.json").image
    problem = Problem(
        root / "data/train/images.npy",
        root / "data/train/labels.npy",
        image,
        params.model,
        params.recipe_for(image),
        read_normalization(root / "metrics/normalize_stats.json"),
        params.seed,
    )
    labels, journal = read_array(problem.labels), root / "data/cache/gridsearch.jsonl"
    # What the final training could not do is told before the search.
    check_batches(params.training(first_candidate(params.search_spec), image, problem.normalization), image)
    jobs, device = jobs_from_environment(), device_from_environment()
    with stopwatch() as seconds:
        result = find_best(problem, params.search_spec, labels, journal, jobs, device)
    write_json(root / "data/gridsearch/best_params.json", result.best.model_dump(mode="json"))
    write_csv(root / "plots/gridsearch.csv", result.rows, list(result.rows[0]))
    write_csv(root / "plots/gridsearch_parallel.csv", result.parallel_rows, list(result.parallel_rows[0]))
    write_json(root / "metrics/gridsearch.json", result.summary)
    write_json(root / "metrics/times/gridsearch.json", {"seconds": seconds(), "jobs": jobs, "device": device})
    print(f"best of {len(result.rows)}: {result.best.model_dump()}, score {result.summary['best_score']:.4f}")


if __name__ == "__main__":
    run_stage(main)
