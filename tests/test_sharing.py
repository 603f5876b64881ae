"""Results go from one clone to another by a remote, and two branches' results become one."""

import hashlib
from pathlib import Path

import pytest

from tests.conftest import Pipeline


@pytest.fixture
def team(pipeline: Pipeline, tmp_path: Path) -> Pipeline:
    """A pipeline under git with a folder as its remote."""
    pipeline.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    pipeline.run("dvc", "remote", "modify", "team", "verify", "true")
    pipeline.put_under_git()
    pipeline.run("dvc", "push")
    return pipeline


def second_clone(team: Pipeline) -> Pipeline:
    clone = Pipeline(team.folder.parent / "clone")
    team.run("git", "clone", "-q", ".", str(clone.folder))
    return clone


def test_a_second_clone_pulls_all_results_and_trains_nothing(team: Pipeline) -> None:
    clone = second_clone(team)
    clone.run("dvc", "pull")
    assert clone.status() == set()
    assert clone.repro() == set()
    assert clone.snapshot() == team.snapshot()


def stored(team: Pipeline, name: str) -> Path:
    """Where the remote has a file."""
    digest = hashlib.md5((team.folder / name).read_bytes()).hexdigest()
    return team.folder.parent / "remote/files/md5" / digest[:2] / digest[2:]


def test_what_a_remote_lacks_is_named_and_nothing_is_half_checked_out(team: Pipeline) -> None:
    lacking = stored(team, "data/test/images.npy")
    lacking.unlink()
    clone = second_clone(team)
    assert f"{lacking.parent.name}{lacking.name}" in clone.run("dvc", "pull", ok=False).stderr
    assert not (clone.folder / "data/test").exists()


def test_what_is_damaged_in_a_remote_is_refused_and_made_again(team: Pipeline) -> None:
    damaged = stored(team, "data/test/images.npy")
    damaged.chmod(0o644)
    damaged.write_bytes(b"?" + damaged.read_bytes()[1:])
    clone = second_clone(team)
    assert "data/test" in clone.run("dvc", "pull", ok=False).stderr
    assert not (clone.folder / "data/test").exists()
    assert clone.repro() == {"download"}
    assert clone.snapshot() == team.snapshot()


def test_two_branches_that_both_ran_become_one_at_the_cost_of_what_is_new(team: Pipeline) -> None:
    team.run("git", "switch", "-qc", "theirs")
    team.change_params(lambda params: params["evaluate"].update(confused_pairs=4))
    team.repro()
    team.run("git", "commit", "-qam", "fewer pairs")
    team.run("git", "switch", "-q", "main")
    team.run("dvc", "checkout")
    team.change_params(lambda params: params["evaluate"].update(gallery=20))
    team.repro()
    team.run("git", "commit", "-qam", "a smaller gallery")
    merged = team.run("git", "merge", "theirs", ok=False)
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merged.stdout
    # As docs/sharing.md says: the parameters by hand, of the rest either side.
    team.run("git", "checkout", "--ours", "params.yaml", "dvc.lock", "metrics", "plots")
    team.change_params(lambda params: params["evaluate"].update(confused_pairs=4, gallery=20))
    assert team.repro() <= {"check-params", "evaluate", "compare-baselines", "export", "draw-results"}
    team.run("git", "add", "-A")
    team.run("git", "commit", "-qm", "both")
    assert team.status() == set()
