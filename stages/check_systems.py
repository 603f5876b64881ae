"""Tell all that is wrong with params.yaml and claims.yaml before anything is trained. First stage of reproduction/.

What it writes is always the same, so that no stage runs again for it.

Reads   params.yaml, claims.yaml, names in ../src/digitrec/models; whether ../data is there
Writes  data/params_checked
"""

from pathlib import Path

from digitrec.errors import ArtifactError
from digitrec.pipeline.files import replacing
from digitrec.pipeline.stage import run_stage
from digitrec.reproduction.claims import load_claims, load_papers
from digitrec.reproduction.systems import clear_unnamed, load_systems


def main(root: Path) -> None:
    params = load_systems(root / "params.yaml")
    load_claims(root / "claims.yaml", params.systems)
    load_papers(root / "claims.yaml")
    # A project of its own: DVC does not see to the other one's data.
    if not (root / "../data/dataset.json").exists():
        raise ArtifactError("../data is missing: run `make reproduce`, or `dvc repro` in the project's folder first.")
    clear_unnamed(root, params)
    with replacing(root / "data/params_checked") as temporary:
        temporary.write_text("params.yaml and claims.yaml had no mistakes\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
