"""The reproduction pipeline, run by DVC on the embedded digits."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import TINY, Pipeline, prepare, stages_run

# Every kind: searched, with a validation set; without one; and one that is left for later.
SYSTEMS = ("okon", "wang", "ffn")
SMALL = {
    "shorten": {"max_epochs": 1, "max_images": 600, "max_seeds": 2},
    "embedding": {"images": [40]},
    "suspicious_labels": {"folds": 2, "max_images": 300, "max_epochs": 1},
    "search": {
        "min_images": 100,
        "max_images": 400,
        "space": {"lr": [0.001], "max_epochs": [1], "batch_size": [64]},
        "architectures": {"mnistnet": {"nonlinearity": ["relu"], "out_units": [20], "fout_units": [40]}},
    },
}


def _change(path: Path, change: Callable[[dict], None]) -> None:
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="session")
def reproduced(finished: Pipeline, once: Callable) -> Pipeline:
    """The tiny pipeline with the reproduction beside it, to be looked at."""

    def fewer_systems(params: dict) -> None:
        params["systems"] = {name: params["systems"][name] for name in SYSTEMS}
        params["systems"]["ffn"]["seeds"] = []

    def fewer_claims(claims: dict) -> None:
        del claims["assumed"]
        claims["claims"] = [
            claim
            for claim in claims["claims"]
            if claim["system"] in SYSTEMS and "-" not in claim.get("run", "") + claim.get("minus", "")
        ]

    def build(folder: Path) -> None:
        finished.copy(folder / "project")
        overrides = folder / "overrides.yaml"
        overrides.write_text(yaml.safe_dump(TINY | {"reproduction": SMALL}))
        pipeline = prepare(folder / "project", overrides)
        _change(pipeline.folder / "reproduction/params.yaml", fewer_systems)
        _change(pipeline.folder / "reproduction/claims.yaml", fewer_claims)
        # With one job there are no worker processes, whose start takes longer than these trainings.
        ran = pipeline.reproduction.repro(DIGITREC_JOBS="1")
        trained = {f"train-system@{name}" for name in SYSTEMS}
        others = {"search-system", "embed@40", "home-made-digits", "suspicious-labels", "draw-systems", "claims"}
        assert ran == {"check-systems"} | trained | others

    return Pipeline(once("reproduced", build) / "project")


@pytest.fixture
def copy(reproduced: Pipeline, tmp_path: Path) -> Pipeline:
    return reproduced.copy(tmp_path / "project")


def test_each_claim_is_held_against_the_run_of_its_system(reproduced: Pipeline) -> None:
    root = reproduced.folder / "reproduction"
    rows = json.loads((root / "metrics/claims.json").read_text())
    system = json.loads((root / "metrics/systems/okon.json").read_text())
    row = next(row for row in rows if (row["system"], row["quantity"], row["run"]) == ("okon", "test_accuracy", None))
    accuracies = [run["test"]["accuracy"] for run in system["runs"]]
    assert row["measured"] == pytest.approx(100 * sum(accuracies) / 2)
    assert (row["seeds"], row["epochs"], row["shortened"], row["verdict"]) == (2, 1, True, "not comparable")
    verdicts = {row["verdict"] for row in rows if row["system"] == "ffn" and row["quantity"] != "n_parameters"}
    assert verdicts == {"not yet measured"}
    with open(root / "plots/claims.csv", newline="") as file:
        assert [line["verdict"] for line in csv.DictReader(file)] == [row["verdict"] for row in rows]


def test_the_page_shows_every_picture_that_was_drawn(reproduced: Pipeline) -> None:
    page = (reproduced.folder / "reproduction/data/page.md").read_text()
    pictures = sorted((reproduced.folder / "reproduction/plots").rglob("*.png"))
    names = {"40", "home_made_digits", "known_wrong_labels", "suspicious_labels", "training_time", "okon", "wang"}
    assert {path.stem for path in pictures} == names
    for path in pictures:
        assert f"({path.relative_to(reproduced.folder).as_posix()})" in page


def test_a_corrected_claim_or_a_changed_picture_retrains_nothing(copy: Pipeline) -> None:
    for name in ("reproduction/claims.yaml", "src/digitrec/figures/systems.py"):
        path = copy.folder / name
        path.write_text(path.read_text() + "\n# Read again.\n")
    assert copy.reproduction.status() == {"check-systems", "draw-systems", "claims"}


def test_each_project_answers_for_itself(copy: Pipeline) -> None:
    (copy.folder / "reproduction/metrics/claims.json").unlink()
    assert copy.status() == set()
    assert copy.repro() == set()
    assert copy.reproduction.status() == {"claims"}


def test_a_changed_system_retrains_alone_and_going_back_restores_every_stage(copy: Pipeline) -> None:
    project = copy.reproduction
    start, params = project.snapshot(), project.folder / "params.yaml"
    settings = [params.read_text()]
    for name in ("wang", "another"):
        _change(
            params, lambda params, name=name: params["systems"].update({name: params["systems"]["wang"] | {"lr": 0.02}})
        )
        settings.append(params.read_text())
        ran = project.repro(DIGITREC_JOBS="1")
        by_wang = {"home-made-digits"} if name == "wang" else set()
        assert ran == {"check-systems", f"train-system@{name}", "draw-systems", "claims"} | by_wang
    (project.folder / "dvc.lock").unlink()
    # Where a system is dropped again, the pictures are drawn again, and what is left of it is cleared away.
    for number, again in ((0, {"draw-systems"}), (2, set())):
        params.write_text(settings[number])
        printed = project.run("dvc", "repro").stdout
        assert stages_run(printed) == again
        assert "Stage 'claims' is cached - skipping run" in printed
        assert number or project.snapshot() == start
        assert (project.folder / "metrics/systems/another.json").exists() is bool(number)
