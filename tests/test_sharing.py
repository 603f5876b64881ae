"""Results go from one clone to another by a remote, and two branches' results become one."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Pipeline

if TYPE_CHECKING:
    from botocore.client import BaseClient


def with_remote(pipeline: Pipeline, url: str, **settings: str) -> Pipeline:
    """Put a pipeline under git and push what it has computed to a remote."""
    pipeline.run("dvc", "remote", "add", "--default", "team", url)
    for name, value in {"verify": "true", **settings}.items():
        pipeline.run("dvc", "remote", "modify", "team", name, value)
    pipeline.put_under_git()
    pipeline.run("dvc", "push")
    return pipeline


@pytest.fixture
def team(pipeline: Pipeline, tmp_path: Path) -> Pipeline:
    """A pipeline under git with a folder as its remote."""
    return with_remote(pipeline, str(tmp_path / "remote"))


# Not a person's own keys.
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator["BaseClient"]:
    """A client of a server that speaks as S3 does, with an empty bucket `team`."""
    # They take three seconds.
    import boto3
    from moto.server import ThreadedMotoServer

    (tmp_path / "aws").touch()
    for name, value in {**KEYS, "AWS_CONFIG_FILE": str(tmp_path / "aws")}.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    client = boto3.client("s3", endpoint_url="http://{}:{}".format(*server.get_host_and_port()))
    client.create_bucket(Bucket="team")
    yield client
    server.stop()


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


def key_of(team: Pipeline, name: str) -> str:
    """What a remote calls a file."""
    digest = hashlib.md5((team.folder / name).read_bytes()).hexdigest()
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def stored(team: Pipeline, name: str) -> Path:
    """Where a remote that is a folder has a file."""
    return team.folder.parent / "remote" / key_of(team, name)


def test_a_bucket_does_as_a_folder_does(s3: "BaseClient", pipeline: Pipeline) -> None:
    team = with_remote(pipeline, "s3://team/digitrec", endpointurl=s3.meta.endpoint_url)
    clone = second_clone(team)
    clone.run("dvc", "pull")
    assert clone.repro() == set()
    assert clone.snapshot() == team.snapshot()

    lacking, damaged = (key_of(team, f"data/{part}/images.npy") for part in ("test", "train"))
    content = (team.folder / "data/train/images.npy").read_bytes()
    s3.put_object(Bucket="team", Key=f"digitrec/{damaged}", Body=b"?" + content[1:])
    s3.delete_object(Bucket="team", Key=f"digitrec/{lacking}")
    clone.run("rm", "-r", ".dvc/cache", "data/test", "data/train")
    told = clone.run("dvc", "pull", "data/test", ok=False).stderr
    assert lacking.removeprefix("files/md5").replace("/", "") in told
    assert "data/train" in clone.run("dvc", "pull", "data/train", ok=False).stderr
    assert not (clone.folder / "data/test").exists()
    assert not (clone.folder / "data/train").exists()


def test_an_experiment_goes_to_another_clone_which_computes_nothing(team: Pipeline) -> None:
    team.run("git", "clone", "-q", "--bare", ".", "../origin")
    for each in (team, clone := second_clone(team)):
        each.run("git", "remote", "rm", "origin", ok=each is clone)
        each.run("git", "remote", "add", "origin", str(team.folder.parent / "origin"))
    team.run("dvc", "exp", "run", "--name", "fewer", "-S", "explore.tsne_images=50")
    team.run("dvc", "exp", "push", "origin", "fewer")
    clone.run("dvc", "exp", "pull", "origin", "fewer")
    clone.run("dvc", "exp", "apply", "fewer")
    assert clone.repro() == set()
    assert clone.snapshot() == team.snapshot()


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
    team.change_params(lambda params: params["explore"].update(tsne_images=50))
    team.repro()
    team.run("git", "commit", "-qam", "fewer points")
    team.run("git", "switch", "-q", "main")
    team.run("dvc", "checkout")
    team.change_params(lambda params: params["evaluate"].update(gallery=20))
    team.repro()
    team.run("git", "commit", "-qam", "a smaller gallery")
    merged = team.run("git", "merge", "theirs", ok=False)
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merged.stdout
    # As docs/sharing.md says: the parameters by hand, of the rest either side.
    team.run("git", "checkout", "--ours", "params.yaml", "dvc.lock", "metrics", "plots")
    team.change_params(lambda params: params["explore"].update(tsne_images=50))
    assert team.repro() <= {"check-params", "explore", "draw-data", "draw-results"}
    team.run("git", "add", "-A")
    team.run("git", "commit", "-qm", "both")
    assert team.status() == set()
