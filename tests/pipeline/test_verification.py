"""What DVC, which goes by sizes and times, does not see."""

import os
import shlex
from pathlib import Path

import pytest

from digitrec.errors import ArtifactError
from digitrec.pipeline.verification import check_lock, check_results
from tests.conftest import Pipeline

RESULTS = ("data/test/labels.npy", "metrics/evaluate.json", "data/params_checked")


def _flip(path: Path) -> None:
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _typed(pipeline: Pipeline, error: ArtifactError) -> None:
    pipeline.run("sh", "-c", str(error).split("`")[1])
    pipeline.run("dvc", "repro")


@pytest.mark.slow
def test_results_and_the_cache_are_what_the_lock_says_or_are_named_and_mended(pipeline: Pipeline) -> None:
    folder, before = pipeline.folder, pipeline.snapshot()
    assert check_results(folder) > 100
    # Seen by DVC, then changed with the same size and time.
    assert pipeline.status() == set()
    for name in RESULTS:
        _flip(folder / name)
    cached = next(path for path in (folder / ".dvc/cache/files/md5").rglob("*") if path.is_file())
    _flip(cached)
    assert pipeline.status() == set()
    with pytest.raises(ArtifactError, match=r"4 of \d+ files are not what dvc.lock says") as caught:
        check_results(folder)
    assert all(name in str(caught.value) for name in (*RESULTS, str(cached.relative_to(folder))))
    _typed(pipeline, caught.value)
    assert pipeline.snapshot() == before
    check_results(folder)


@pytest.mark.slow
def test_a_lock_that_was_cut_short_is_named_and_mended(pipeline: Pipeline) -> None:
    path = pipeline.folder / "dvc.lock"
    content, before = path.read_bytes(), pipeline.snapshot()
    path.write_bytes(content[: content.index(b"md5:", len(content) // 2) + 2])
    assert "dvc.lock" in pipeline.run("dvc", "repro", ok=False).stderr
    with pytest.raises(ArtifactError, match=r"dvc.lock is damaged .*`rm .*dvc.lock` and `dvc repro`") as caught:
        check_lock(pipeline.folder)
    _typed(pipeline, caught.value)
    assert pipeline.snapshot() == before
    assert path.read_bytes() == content


def test_without_a_lock_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert check_lock(tmp_path) == {}


@pytest.mark.parametrize("content", ["", "3", "- a", "{", "schema: '2.0'\nstages:\n  a:\n    deps: []\n", "\0"])
def test_a_lock_that_dvc_would_refuse_is_one_message(tmp_path: Path, content: str) -> None:
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(ArtifactError) as caught:
        check_lock(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_command_to_be_typed_holds_for_a_folder_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "Hana's digits" / "dvc.lock"
    path.parent.mkdir()
    path.write_text("")
    with pytest.raises(ArtifactError) as caught:
        check_lock(path.parent)
    assert shlex.split(str(caught.value).split("`")[1]) == ["rm", str(path)]
