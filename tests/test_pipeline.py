"""The whole pipeline as a user runs it, on the embedded digits, with the real DVC."""

import csv
import json
import os
import resource
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.conftest import ROOT, Pipeline

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PICTURES = [
    path for stage in STAGES.values() for plot in stage.get("plots", []) for path in plot if path.endswith("png")
]
CHECKING = [name for name, stage in STAGES.items() if "src/digitrec/config/params.py" in stage["deps"]]


def _json(pipeline: Pipeline, name: str) -> dict:
    return json.loads((pipeline.folder / "metrics" / f"{name}.json").read_text())


def test_metrics_hold_the_keys_that_others_read(finished: Pipeline) -> None:
    keys = {
        "normalize_stats": {"mean", "std", "n_images"},
        "gridsearch": {"best_params", "best_score", "n_candidates", "n_fits", "strategy", "at_grid_edge"},
        "train_final": {"epochs", "train_loss", "valid_loss", "valid_accuracy", "n_parameters"},
        "evaluate": {
            "accuracy",
            "accuracy_ci95",
            "errors",
            "n",
            "loss",
            "precision_macro",
            "recall_macro",
            "f1_macro",
            "f1_weighted",
            "per_class",
            "most_confused",
        },
        "export": {"size_bytes", "n_parameters", "n", "other_class", "largest_difference"},
        "calibrate": {"temperature", "threshold", "n_valid", "before", "after", "answered"},
        "robustness": {
            "mean_corruption_error",
            "mean_corruption_error_ci95",
            "n",
            "n_attacked",
            "accuracy",
            "baselines",
        },
    }
    for name, expected in keys.items():
        assert expected <= set(_json(finished, name)), name
    comparison = _json(finished, "compare_baselines")
    assert set(comparison) == {"final", "gaussian_naive_bayes", "knn"}
    assert all({"accuracy", "accuracy_ci95", "errors", "mcnemar_p"} <= set(row) for row in comparison.values())


def test_numbers_agree_across_files(finished: Pipeline) -> None:
    evaluation = _json(finished, "evaluate")
    probabilities = np.load(finished.folder / "data/final/probabilities.npy")
    labels = np.load(finished.folder / "data/test/labels.npy")
    assert evaluation["n"] == len(labels) == 360
    assert evaluation["errors"] == int((probabilities.argmax(1) != labels).sum())
    assert evaluation["errors"] == _json(finished, "compare_baselines")["final"]["errors"]
    with open(finished.folder / "plots/confusion.csv") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["label"] != row["predicted"] for row in rows) == evaluation["errors"]
    assert _json(finished, "normalize_stats")["n_images"] == 1437
    assert _json(finished, "train_final")["epochs"] == 3


def test_final_training_takes_the_winner_unless_told_otherwise(finished: Pipeline) -> None:
    best = _json(finished, "gridsearch")["best_params"]
    trained = json.loads((finished.folder / "data/checkpoints/final.json").read_text())
    assert trained["training"]["lr"] == best["lr"]
    units = {"num_units": 4, "out_units": 6, "fout_units": 8}
    architecture = units | {"nonlinearity": "relu", "dropout": 0, "dropout_maps": 0}
    assert trained["training"]["architecture"] == architecture
    assert trained["training"]["max_epochs"] == 3


def test_wall_times_are_no_outputs(finished: Pipeline) -> None:
    assert "times" not in (finished.folder / "dvc.lock").read_text()
    assert {path.stem for path in (finished.folder / "metrics/times").iterdir()} >= {"gridsearch", "train_final", "knn"}


def test_pictures_are_pngs_of_a_size_for_a_web_page(finished: Pipeline) -> None:
    assert len(PICTURES) >= 13
    for path in PICTURES:
        content = (finished.folder / path).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert 2_000 < len(content) < 300_000


def test_dvc_shows_metrics_and_plots(finished: Pipeline, tmp_path: Path) -> None:
    metrics = json.loads(finished.run("dvc", "metrics", "show", "--json").stdout)
    assert metrics[""]["data"]["metrics/evaluate.json"]["data"]["n"] == 360
    finished.run("dvc", "plots", "show", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    for title in (
        "Candidates of the search, cross-validated",
        "Loss",
        "Accuracy",
        "Confusion matrix, test set",
        "Test accuracy",
    ):
        assert f'"{title}"' in page


def test_the_summary_shows_every_classifier(finished: Pipeline) -> None:
    text = finished.printed_by("summary")
    for word in ("final", "knn", "gaussian_naive_bayes", "Test accuracy", "plots"):
        assert word in text


@pytest.fixture
def repository(pipeline: Pipeline) -> Pipeline:
    """The finished pipeline under git, as `dvc exp` wants it."""
    pipeline.put_under_git()
    return pipeline


def test_an_experiment_takes_numbers_in_any_notation_and_lists_and_auto(repository: Pipeline) -> None:
    repository.change_params(lambda params: params.update(batch_size=32))
    settings = ("lr=1e-5", "max_epochs=1", "search.space.lr=[0.0001,2e-03]", "batch_size=auto")
    repository.run("dvc", "exp", "run", "train-final", *(part for value in settings for part in ("-S", value)))
    # What DVC writes, PyYAML alone would take for text.
    assert "lr: 1e-05" in (repository.folder / "params.yaml").read_text()
    trained = json.loads((repository.folder / "data/checkpoints/final.json").read_text())["training"]
    assert trained["lr"] == 1e-5
    assert trained["batch_size"] == _json(repository, "gridsearch")["best_params"]["batch_size"] == 64
    with open(repository.folder / "plots/gridsearch.csv") as file:
        assert {float(row["lr"]) for row in csv.DictReader(file)} == {0.0001, 0.002}
    assert "lr" in repository.run("dvc", "params", "diff").stdout
    assert "train_final.json" in repository.run("dvc", "metrics", "diff").stdout


def test_an_experiment_with_a_mistake_names_it_and_changes_nothing(repository: Pipeline) -> None:
    before = repository.snapshot()
    result = repository.run("dvc", "exp", "run", "-S", "lr=", "-S", "seed=-1", ok=False)
    message = result.stdout + result.stderr
    assert "params.yaml: lr: got '', expected a number > 0 or 'auto'" in message
    assert "params.yaml: seed: got -1, expected a whole number from 0 to 4294967295" in message
    assert "Traceback" not in message
    assert {k: v for k, v in repository.snapshot().items() if k.startswith("metrics/eval")} == {
        k: v for k, v in before.items() if k.startswith("metrics/eval")
    }


@pytest.mark.parametrize("stage", CHECKING)
def test_every_stage_checks_all_parameters_before_it_works(pipeline: Pipeline, stage: str) -> None:
    before = pipeline.snapshot()
    pipeline.change_params(lambda params: params.update(modle="mlp", batch_size=0, recipe="moden"))
    status, errors = pipeline.stage_here(stage.replace("-", "_"))
    assert status == 2
    assert "params.yaml: modle: is no known key; did you mean 'model'?" in errors
    assert "params.yaml: batch_size: got 0, expected a whole number >= 1 or 'auto'" in errors
    assert "recipe: got 'moden', expected one of drawings, modern, " in errors
    assert "; did you mean 'modern'?" in errors
    assert "Traceback" not in errors
    assert pipeline.snapshot() == before


def test_a_damaged_checkpoint_is_refused(pipeline: Pipeline) -> None:
    path = pipeline.folder / "data/checkpoints/final.safetensors"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-100])
    status, errors = pipeline.stage_here("evaluate")
    assert status == 1
    assert "cut short" in errors


def test_a_training_that_diverges_is_one_message(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params.update(lr=1e30))
    status, errors = pipeline.stage_here("train_final")
    assert status == 1
    assert "the loss became" in errors
    assert "try a smaller lr" in errors


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("DIGITREC_DEVICE", "cuda:77", "DIGITREC_DEVICE: got 'cuda:77'"), ("DIGITREC_JOBS", "two", "DIGITREC_JOBS: got")],
)
def test_a_wrong_environment_is_one_message(pipeline: Pipeline, name: str, value: str, expected: str) -> None:
    status, errors = pipeline.stage_here("gridsearch", **{name: value})
    assert status == 1
    assert expected in errors


def test_no_source_at_all_names_every_source_and_the_ways_on(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params.update(dataset="kmnist", recipe="modern"))
    nowhere = str(pipeline.folder / "nowhere")
    # A proxy on a closed port: no mirror can be reached, wherever this runs.
    closed = "http://127.0.0.1:9"
    status, errors = pipeline.stage_here(
        "download", DIGITREC_MIRROR=nowhere, HTTP_PROXY=closed, HTTPS_PROXY=closed, http_proxy=closed
    )
    assert status == 1
    for text in (nowhere, "codh.rois.ac.jp", "DIGITREC_MIRROR=/path/to/folder", "make demo"):
        assert text in errors


@pytest.mark.skipif("DIGITREC_MIRROR" not in os.environ, reason="DIGITREC_MIRROR names no folder with MNIST's files")
def test_mnist_itself_gives_the_published_statistics(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params.update(dataset="mnist"))
    pipeline.printed_by("download", DIGITREC_MIRROR=os.environ["DIGITREC_MIRROR"])
    pipeline.printed_by("normalize_stats")
    statistics = _json(pipeline, "normalize_stats")
    assert round(statistics["mean"], 4) == 0.1307
    assert round(statistics["std"], 4) == 0.3081
    assert np.load(pipeline.folder / "data/test/images.npy", mmap_mode="r").shape == (10_000, 28, 28, 1)


@pytest.mark.parametrize("stage", ["download", "explore", "train_final", "evaluate"])
def test_a_full_disk_is_one_message_and_leaves_old_files_as_they_were(pipeline: Pipeline, stage: str) -> None:
    before = pipeline.snapshot()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # Files of 1 KB at most: like a full disk, it lets small ones through.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, most))
        status, errors = pipeline.stage_here(stage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert status == 1
    assert "error: " in errors
    assert "run the same command again" in errors
    after = pipeline.snapshot()
    assert all(after[name] == content for name, content in before.items() if not name.startswith("plots/live"))
