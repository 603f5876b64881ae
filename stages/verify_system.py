"""Train a published system again and compare it with its committed metrics. No DVC stage: `make verify` runs it.

Reads   data/{dataset.json,train,test}, reproduction/{params.yaml,metrics/systems/ffn.json}; $DIGITREC_DEVICE
Writes  nothing

From its first seed alone, and without anything that was computed before: half a minute on a core.
"""

import tempfile
from pathlib import Path

from digitrec.data.dataset import read_dataset_spec
from digitrec.errors import ArtifactError
from digitrec.pipeline.environment import device_from_environment
from digitrec.pipeline.files import read_json
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.agreement import compare_runs
from digitrec.reproduction.runs import Data, measurement, run_system
from digitrec.reproduction.systems import load_systems

SYSTEM = "ffn"


def main(root: Path) -> None:
    dataset = read_dataset_spec(root / "data/dataset.json")
    if dataset.name != "mnist":
        print(f"{SYSTEM} is not trained again: data/ holds {dataset.name}, and its metrics are of mnist")
        return
    params = load_systems(root / "reproduction/params.yaml")
    committed = read_json(root / f"reproduction/metrics/systems/{SYSTEM}.json")
    shorten = params.shorten.model_copy(update={"max_seeds": 1})
    data = Data(dataset.image, root / "data/train", root / "data/test", shorten.max_images)
    system = params.system(SYSTEM)
    with tempfile.TemporaryDirectory() as folder:
        runs = run_system(SYSTEM, system, shorten, data, Path(folder), device_from_environment(), 1)
    rows = compare_runs(committed, measurement(SYSTEM, system, shorten, data, [run for run, _, _ in runs]))
    print(f"{f'{SYSTEM}, seed {system.seeds[0]}':16}{'committed':>13}{'here':>12}{'tolerance':>12}")
    for row in rows:
        print(f"{row.name:16}{row.committed:>13.6g}{row.found:>12.6g}{row.tolerance:>12.2g}")
    apart = [row.name for row in rows if not row.agrees]
    if apart:
        raise ArtifactError(
            f"{SYSTEM}: {', '.join(apart)} differ by more than processors do: the code or the data is not the same"
        )


if __name__ == "__main__":
    run_stage(main)
