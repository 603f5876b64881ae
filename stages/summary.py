"""Print what the last run gave. No DVC stage: `make demo` and `make repro` end with it.

Reads   metrics/*.json, metrics/times/*.json
"""

from pathlib import Path

from digitrec.evaluation.comparison import FINAL, comparison_table
from digitrec.pipeline.files import read_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    evaluation = read_json(root / "metrics/evaluate.json")
    scores = read_json(root / "metrics/compare_baselines.json")
    times = {path.stem: read_json(path) for path in (root / "metrics/times").glob("*.json")}
    times[FINAL] = times.get("train_final", {}) | times.get("evaluate", {})
    low, high = evaluation["accuracy_ci95"]
    print(comparison_table(scores, times))
    print(
        f"\nTest accuracy {100 * evaluation['accuracy']:.2f} % "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f}; {evaluation['errors']} errors in {evaluation['n']:,})"
    )
    print(f"Plots: {root / 'plots'}; metrics: {root / 'metrics'}; model: {root / 'data/checkpoints/final.safetensors'}")


if __name__ == "__main__":
    run_stage(main)
