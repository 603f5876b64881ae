"""Draw the runs of all published systems, in reproduction/.

Reads   params.yaml, claims.yaml, metrics/systems, metrics/times, data/systems, ../data/test
Writes  plots/systems/NAME.png for each system that has runs, plots/training_time.png
"""

from pathlib import Path

import numpy as np

from digitrec.artifacts import read_array, read_json
from digitrec.plots import save_figure
from digitrec.reproduction.claims import load_claims
from digitrec.reproduction.figures import system_figure, training_time_figure
from digitrec.reproduction.systems import load_systems
from digitrec.stage import run_stage


def main(root: Path) -> None:
    systems = load_systems(root / "params.yaml").systems
    published = {
        claim.measured_by: float(claim.value)
        for claim in load_claims(root / "claims.yaml", systems)
        if claim.quantity == "training_seconds"
    }
    images, labels = (read_array(root / f"../data/test/{name}.npy") for name in ("images", "labels"))
    (root / "plots/systems").mkdir(parents=True, exist_ok=True)
    seconds = {}
    for name in systems:
        result = read_json(root / f"metrics/systems/{name}.json")
        if not result["runs"]:
            continue
        probabilities = read_array(root / f"data/systems/{name}/probabilities.npy")
        save_figure(system_figure(result, images, labels, probabilities), root / f"plots/systems/{name}.png")
        seconds[name] = float(np.mean(read_json(root / f"metrics/times/{name}.json")["seconds"]))
    save_figure(training_time_figure(seconds, published), root / "plots/training_time.png")
    print(f"{len(seconds)} of {len(systems)} systems drawn")


if __name__ == "__main__":
    run_stage(main)
