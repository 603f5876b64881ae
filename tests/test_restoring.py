"""What was computed once is never computed again: DVC's run cache, and other clones with the same cache."""

import pytest

from tests.conftest import Pipeline, stages_run

SETTINGS: list[dict] = [{}, {"baselines": ["knn"]}, {"seed": 1, "max_epochs": 1}]


def test_going_back_to_a_setting_restores_every_stage_also_without_the_lock(pipeline: Pipeline) -> None:
    params = pipeline.folder / "params.yaml"
    start, lock = pipeline.snapshot(), (pipeline.folder / "dvc.lock").read_text()
    texts = []
    for change in SETTINGS:
        pipeline.change_params(lambda params, change=change: params.update(change))
        texts.append(params.read_text())
        params.write_text(texts[0])
    for text, expected in zip(texts[1:], ("fit-baseline", "train-final"), strict=True):
        params.write_text(text)
        assert expected in pipeline.repro()
    # DVC's own advice where two branches have changed it.
    (pipeline.folder / "dvc.lock").unlink()
    for text in (texts[0], texts[1], texts[2], texts[0]):
        params.write_text(text)
        printed = pipeline.run("dvc", "repro").stdout
        assert stages_run(printed) == set()
        assert "is cached - skipping run" in printed
    assert pipeline.snapshot() == start
    assert (pipeline.folder / "dvc.lock").read_text() == lock


@pytest.mark.slow
def test_a_clone_with_the_same_cache_has_all_results_and_nothing_to_do(pipeline: Pipeline) -> None:
    pipeline.put_under_git()
    pipeline.change_params(lambda params: params.update(baselines=["knn"]))
    # What systems and editors leave behind.
    for name in ("data/train/.DS_Store", "data/baselines/Thumbs.db", "data/own/._cat.png", "src/digitrec/a.py~"):
        (pipeline.folder / name).write_text("left behind")
    ran = pipeline.repro()
    assert ran == {"check-params", "fit-baseline", "compare-baselines", "robustness", "draw-results"}
    pipeline.run("git", "add", "-A")
    pipeline.run("git", "commit", "-qm", "fewer baselines")

    clone = Pipeline(pipeline.folder.parent / "clone")
    pipeline.run("git", "clone", "-q", ".", str(clone.folder))
    clone.run("dvc", "cache", "dir", "--local", str(pipeline.folder / ".dvc/cache"))
    clone.run("dvc", "checkout")
    assert clone.status() == set()
    assert clone.repro() == set()
    assert clone.run("git", "status", "--porcelain").stdout == ""
