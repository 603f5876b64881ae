"""DVC reruns only what a change concerns."""

import json
import shutil
from collections.abc import Callable

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.conftest import ROOT, Pipeline, stages_run


def _touch(pattern: str) -> Callable[[Pipeline], None]:
    def change(pipeline: Pipeline) -> None:
        paths = list(pipeline.folder.glob(pattern))
        assert paths
        for path in paths:
            path.write_text(path.read_text() + "\n# changed\n")

    return change


def _set(**values: object) -> Callable[[Pipeline], None]:
    return lambda pipeline: pipeline.change_params(lambda params: params.update(values))


def _set_search(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params["search"]["space"].update(batch_size=[64, 128]))


def _add_baseline(pipeline: Pipeline) -> None:
    pipeline.change_params(lambda params: params["baselines"].append("decision_tree"))


def _own_picture(name: str) -> Callable[[Pipeline], None]:
    def change(pipeline: Pipeline) -> None:
        path = pipeline.folder / "data/own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(list(name.encode())).integers(0, 256, (12, 12), dtype=np.uint8)
        Image.fromarray(noise).save(path)

    return change


# It takes a third of a second, and what it writes is always the same.
CHECK = "check-params"
WITH_NETWORK = {"train-final", "evaluate", "calibrate", "train-reader", "export", "robustness"}
AFTER_SEARCH = {CHECK, *WITH_NETWORK, "compare-baselines", "draw-results", "read-pages"}
DRAWING = {"draw-data", "draw-results"}
# A row: the change, and the stages that it makes DVC rerun whether or not any output changes.
RERUNS = {
    "nothing": (lambda pipeline: None, set()),
    "README": (lambda pipeline: (pipeline.folder / "README.md").write_text("changed"), set()),
    "lr": (_set(lr=0.002), {CHECK, "train-final"}),
    "search.*": (_set_search, {CHECK, "gridsearch"}),
    "a baseline added": (_add_baseline, {CHECK, "fit-baseline", "compare-baselines", "robustness"}),
    "model": (_set(model="mlp"), {CHECK, "gridsearch", *WITH_NETWORK}),
    "recipe": (_set(recipe="paper"), {CHECK, "explore", "gridsearch", "train-final"}),
    "reader.*": (_set(reader={"max_epochs": 2}), {CHECK, "train-reader"}),
    "all that draws": (_touch("src/digitrec/figures/*.py"), DRAWING),
    "the service": (_touch("src/digitrec/serve/*.py"), set()),
    "an unused model's file": (_touch("src/digitrec/models/lenet5.py"), {CHECK}),
    "the used model's file": (_touch("src/digitrec/models/mnistnet.py"), {CHECK, "gridsearch", *WITH_NETWORK}),
    "a baseline's file": (_touch("src/digitrec/baselines/knn.py"), {CHECK, "fit-baseline", "robustness"}),
    "seed": (_set(seed=1), {CHECK, "explore", "gridsearch", "train-final", "fit-baseline"}),
    "dataset": (_set(dataset="mnist"), {CHECK, "index-folder", "download"}),
    "a picture of one's own": (_own_picture("cat/1.png"), {"index-folder"}),
    "classifier.py": (_touch("src/digitrec/training/classifier.py"), {"gridsearch", "train-final", "train-reader"}),
}


@pytest.fixture(scope="module")
def in_turn(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A copy of the finished pipeline, in which one change after the other is made and taken back."""
    pipeline = finished.copy(tmp_path_factory.mktemp("in_turn") / "project")
    pipeline.put_under_git()
    return pipeline


@pytest.mark.parametrize("change", RERUNS)
def test_dvc_status_names_the_stages_that_a_change_concerns(in_turn: Pipeline, change: str) -> None:
    apply, expected = RERUNS[change]
    apply(in_turn)
    try:
        assert in_turn.status() == expected
    finally:
        in_turn.run("git", "checkout", "-q", ".")
        in_turn.run("git", "clean", "-fdqx", "data/own")


def test_dvc_repro_runs_what_follows_from_a_changed_lr_and_nothing_else(changed: Pipeline) -> None:
    assert stages_run((changed.folder.parent / "repro.log").read_text()) == AFTER_SEARCH


def test_device_and_jobs_rerun_nothing(pipeline: Pipeline) -> None:
    assert pipeline.repro(DIGITREC_DEVICE="cpu", DIGITREC_JOBS="2") == set()


def test_a_search_with_the_same_winner_is_drawn_and_reruns_nothing_else_after_it(pipeline: Pipeline) -> None:
    best = json.loads((pipeline.folder / "data/gridsearch/best_params.json").read_text())
    # The winner alone is left to win.
    pipeline.change_params(lambda params: params["search"]["space"].update(lr=[best["lr"]]))
    assert pipeline.repro() == {CHECK, "gridsearch", "draw-results"}


def test_a_change_of_drawing_redraws_and_computes_nothing(pipeline: Pipeline) -> None:
    before = pipeline.snapshot()
    _touch("src/digitrec/figures/*.py")(pipeline)
    assert pipeline.repro() == DRAWING
    assert pipeline.snapshot() == before


def test_a_model_of_another_name_is_searched_trained_and_compared(pipeline: Pipeline) -> None:
    _set(model="mlp")(pipeline)
    for stage in ("gridsearch", "train_final", "evaluate", "compare_baselines"):
        pipeline.printed_by(stage)
    checkpoint = json.loads((pipeline.folder / "data/checkpoints/final.json").read_text())
    assert checkpoint["training"]["model"] == "mlp"
    comparison = json.loads((pipeline.folder / "metrics/compare_baselines.json").read_text())
    # An MLP of 784, 16, 8 and 10 units.
    assert comparison["final"]["n_parameters"] == 785 * 16 + 17 * 8 + 9 * 10


def test_ones_own_pictures_rerun_what_reads_them_and_only_where_they_are_the_dataset(pipeline: Pipeline) -> None:
    for i in range(20):
        for kind in ("cat", "dog"):
            _own_picture(f"{kind}/{i}.png")(pipeline)
    assert pipeline.repro() == {"index-folder"}
    reading = {"index-folder", "download", "normalize-stats"}
    _set(dataset="folder", recipe="drawings")(pipeline)
    assert pipeline.repro("normalize-stats") == {CHECK, *reading}
    classes = json.loads((pipeline.folder / "data/dataset.json").read_text())["image"]["classes"]
    assert classes == ["cat", "dog"]
    _own_picture("dog/one more.png")(pipeline)
    assert pipeline.repro("normalize-stats") == reading


def test_all_that_is_computed_again_has_the_hashes_of_the_first_run(pipeline: Pipeline) -> None:
    # The journal too, so that every fit is done again.
    for room in ("data", "metrics", "plots"):
        shutil.rmtree(pipeline.folder / room)
    shutil.copytree(ROOT / "data/own", pipeline.folder / "data/own")
    assert pipeline.status() > {"download", "train-final", "draw-results"}
    for name in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]:
        pipeline.printed_by(name.replace("-", "_"))
    assert pipeline.status() == set()
