"""dvc.yaml says what stages depend on, and DVC reruns only what changed."""

import json
from collections.abc import Callable

import pytest
import yaml

from tests.conftest import ROOT, Pipeline
from tests.reach import reached_modules

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
REPRODUCTION = {
    name: stage.get("do", stage)
    for name, stage in yaml.safe_load((ROOT / "reproduction/dvc.yaml").read_text())["stages"].items()
}
# The modules that a script imports by a name in params.yaml.
NAMED = {
    "download": {"src/digitrec/datasets/${dataset}.py"},
    "gridsearch": {"src/digitrec/models/${model}.py"},
    "train-final": {"src/digitrec/models/${model}.py"},
    "evaluate": {"src/digitrec/models/${model}.py"},
    "calibrate": {"src/digitrec/models/${model}.py"},
    "export": {"src/digitrec/models/${model}.py"},
    "robustness": {"src/digitrec/models/${model}.py"},
    "fit-baseline": {"src/digitrec/baselines/${item.name}.py"},
    "train-system": {"src/digitrec/models/${item.model}.py"},
    "search-system": {"src/digitrec/models/${systems.okon.model}.py"},
    "suspicious-labels": {"src/digitrec/models/${suspicious_labels.model}.py"},
}


@pytest.mark.parametrize("name", [*STAGES, *REPRODUCTION])
def test_code_dependencies_are_exactly_the_modules_that_the_stage_reaches(name: str) -> None:
    script = f"stages/{name.replace('-', '_')}.py"
    stage = STAGES.get(name) or REPRODUCTION[name]
    code = {path.removeprefix("../") for path in stage["deps"] if path.endswith(".py")}
    assert code == reached_modules(ROOT / script) | NAMED.get(name, set()) | {script}
    assert f"{script} " in f"{stage['cmd']} "


@pytest.mark.parametrize("room", ["datasets", "models", "baselines"])
def test_modules_found_by_name_reach_nothing_that_their_stages_do_not_list(room: str) -> None:
    stages = [stage for stage, named in NAMED.items() if any(f"/{room}/" in path for path in named)]
    for path in sorted((ROOT / "src/digitrec" / room).glob("[a-z]*.py")):
        for stage in stages:
            deps = {dep.removeprefix("../") for dep in (STAGES.get(stage) or REPRODUCTION[stage])["deps"]}
            assert reached_modules(path) <= deps, (path, stage)


def test_package_init_files_are_empty() -> None:
    assert not [path for path in (ROOT / "src").rglob("__init__.py") if path.read_text()]


def test_metrics_plots_and_the_exported_model_are_not_cached_so_that_git_has_them() -> None:
    for stage in STAGES.values():
        assert all(isinstance(entry, dict) for entry in stage.get("metrics", []))
        for entry in [*stage.get("metrics", []), *stage["outs" if "outs" in stage else "metrics"]]:
            path, settings = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            assert (settings == {"cache": False}) is path.startswith(("metrics/", "plots/", "data/export")), path


def _touch(path: str) -> Callable[[Pipeline], None]:
    def change(pipeline: Pipeline) -> None:
        with open(pipeline.folder / path, "a") as file:
            file.write("\n# changed\n")

    return change


def _set(**values: object) -> Callable[[Pipeline], None]:
    return lambda pipeline: pipeline.change_params(lambda params: params.update(values))


def _set_search(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params["search"]["space"].update(batch_size=[64, 128]))


def _add_baseline(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params["baselines"].append("decision_tree"))


BASELINES = {"fit-baseline@gaussian_naive_bayes", "fit-baseline@knn"}
WITH_NETWORK = {"train-final", "evaluate", "calibrate", "export", "robustness"}
AFTER_SEARCH = {*WITH_NETWORK, "compare-baselines"}
DRAWING = {"explore", "gridsearch", "evaluate", "calibrate", "compare-baselines", "robustness"}
# A row: the change, and the stages that it makes DVC rerun whether or not any output changes.
RERUNS = {
    "nothing": (lambda pipeline: None, set()),
    "README": (lambda pipeline: (pipeline.folder / "README.md").write_text("changed"), set()),
    "lr": (_set(lr=0.002), {"train-final"}),
    "search.*": (_set_search, {"gridsearch"}),
    "a baseline added": (_add_baseline, {"fit-baseline@decision_tree", "compare-baselines", "robustness"}),
    "model": (_set(model="mlp"), {"gridsearch", *WITH_NETWORK}),
    "recipe": (_set(recipe="paper"), {"explore", "gridsearch", "train-final"}),
    "plots.py": (_touch("src/digitrec/plots.py"), DRAWING),
    "an unused model's file": (_touch("src/digitrec/models/lenet5.py"), set()),
    "the used model's file": (_touch("src/digitrec/models/mnistnet.py"), {"gridsearch", *WITH_NETWORK}),
    "seed": (_set(seed=1), {"explore", "gridsearch", "train-final", "robustness", *BASELINES}),
    "dataset": (_set(dataset="mnist"), {"download", "train-final"}),
    "training.py": (_touch("src/digitrec/training.py"), {"gridsearch", *WITH_NETWORK}),
}


@pytest.mark.parametrize("change", RERUNS)
def test_dvc_status_names_the_stages_that_a_change_concerns(pipeline: Pipeline, change: str) -> None:
    apply, expected = RERUNS[change]
    apply(pipeline)
    status = json.loads(pipeline.run("dvc", "status", "--json").stdout)
    assert set(status) == expected


def _ran(output: str) -> set[str]:
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def test_dvc_repro_runs_what_follows_from_a_changed_lr_and_nothing_else(pipeline: Pipeline) -> None:
    _set(lr=0.002)(pipeline)
    assert _ran(pipeline.run("dvc", "repro").stdout) == AFTER_SEARCH
    assert not _ran(pipeline.run("dvc", "repro", DIGITREC_DEVICE="cpu", DIGITREC_JOBS="1").stdout)


def test_a_search_with_the_same_winner_reruns_nothing_after_it(pipeline: Pipeline) -> None:
    best = json.loads((pipeline.folder / "data/gridsearch/best_params.json").read_text())
    # The winner alone is left to win.
    pipeline.change_params(lambda params: params["search"]["space"].update(lr=[best["lr"]]))
    assert _ran(pipeline.run("dvc", "repro").stdout) == {"gridsearch"}


def test_a_change_of_drawing_redraws_and_does_not_retrain(pipeline: Pipeline) -> None:
    _touch("src/digitrec/plots.py")(pipeline)
    # The pictures stay the same, so the comparison runs for its own drawing, not because of new answers.
    assert _ran(pipeline.run("dvc", "repro").stdout) == DRAWING


def test_a_model_of_another_name_is_searched_trained_and_compared(pipeline: Pipeline) -> None:
    _set(model="mlp")(pipeline)
    assert _ran(pipeline.run("dvc", "repro").stdout) == {"gridsearch", *AFTER_SEARCH}
    checkpoint = json.loads((pipeline.folder / "data/checkpoints/final.json").read_text())
    assert checkpoint["model"] == "mlp"


def test_two_forced_runs_give_the_same_hashes(pipeline: Pipeline) -> None:
    lock = pipeline.folder / "dvc.lock"
    first = yaml.safe_load(lock.read_text())
    # Without the journal, so that every fit is done again.
    (pipeline.folder / "data/cache/gridsearch.jsonl").unlink()
    pipeline.run("dvc", "repro", "--force", "--no-run-cache")
    assert yaml.safe_load(lock.read_text()) == first
