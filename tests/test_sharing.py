"""Results go from one clone to another by a remote, and two branches' results become one."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import Pipeline


@dataclass
class Remote:
    """Where results are shared, what DVC must know of it, and what may happen to a file there."""

    url: str
    write: Callable[[str, bytes], object]
    delete: Callable[[str], object]
    settings: dict[str, str] = field(default_factory=dict)


def in_a_folder(folder: Path, url: str, **settings: str) -> Remote:
    def write(name: str, content: bytes) -> None:
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(content)

    return Remote(url, write, lambda name: (folder / name).unlink(), settings)


@pytest.fixture
def folder(tmp_path: Path) -> Remote:
    return in_a_folder(tmp_path / "remote", str(tmp_path / "remote"))


# Not a person's own keys.
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Remote]:
    """A bucket of a server that speaks as S3 does."""
    # They take three seconds.
    import boto3
    from moto.server import ThreadedMotoServer

    (tmp_path / "aws").touch()
    for name, value in {**KEYS, "AWS_CONFIG_FILE": str(tmp_path / "aws")}.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("s3", endpoint_url=address)
    client.create_bucket(Bucket="team")

    def write(name: str, content: bytes) -> None:
        client.put_object(Bucket="team", Key=f"digitrec/{name}", Body=content)

    def delete(name: str) -> None:
        client.delete_object(Bucket="team", Key=f"digitrec/{name}")

    yield Remote("s3://team/digitrec", write, delete, {"endpointurl": address})
    server.stop()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Remote]:
    """A server of SSH that gives one folder to whoever has a key made for it."""
    import asyncssh

    (tmp_path / "served").mkdir()
    host, person = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    person.write_private_key(tmp_path / "key")
    person.write_public_key(tmp_path / "key.pub")

    async def serve() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=str(tmp_path / "key.pub"),
            sftp_factory=partial(asyncssh.SFTPServer, chroot=str(tmp_path / "served")),
        )

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(timeout=30)
    url = f"ssh://127.0.0.1:{server.get_port()}/digitrec"
    yield in_a_folder(tmp_path / "served/digitrec", url, user="anybody", keyfile=str(tmp_path / "key"))
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["folder", "bucket", "machine"])
def remote(request: pytest.FixtureRequest) -> Remote:
    return request.getfixturevalue(request.param)


def with_remote(pipeline: Pipeline, remote: Remote) -> Pipeline:
    """Put a pipeline under git and push what it has computed to a remote."""
    pipeline.run("dvc", "remote", "add", "--default", "team", remote.url)
    for name, value in {"verify": "true", **remote.settings}.items():
        pipeline.run("dvc", "remote", "modify", "team", name, value)
    pipeline.put_under_git()
    pipeline.run("dvc", "push")
    return pipeline


@pytest.fixture
def team(pipeline: Pipeline, folder: Remote) -> Pipeline:
    """A pipeline under git with a folder as its remote."""
    return with_remote(pipeline, folder)


def second_clone(team: Pipeline) -> Pipeline:
    clone = Pipeline(team.folder.parent / "clone")
    team.run("git", "clone", "-q", ".", str(clone.folder))
    return clone


def key_of(team: Pipeline, name: str) -> str:
    """What a remote calls a file."""
    digest = hashlib.md5((team.folder / name).read_bytes()).hexdigest()
    return f"files/md5/{digest[:2]}/{digest[2:]}"


# The remote first, because the pipeline takes the environment as it is then.
def test_a_second_clone_pulls_all_results_and_trains_nothing(remote: Remote, pipeline: Pipeline) -> None:
    team = with_remote(pipeline, remote)
    clone = second_clone(team)
    clone.run("dvc", "pull")
    assert clone.status() == set()
    assert clone.repro() == set()
    assert clone.snapshot() == team.snapshot()

    # What is missing or damaged there is named, and nothing is half checked out.
    lacking, damaged = (key_of(team, f"data/{part}/images.npy") for part in ("test", "train"))
    remote.delete(lacking)
    remote.write(damaged, b"?" + (team.folder / "data/train/images.npy").read_bytes()[1:])
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


def test_what_is_damaged_in_a_remote_is_made_again(team: Pipeline, folder: Remote) -> None:
    name = "data/test/images.npy"
    folder.write(key_of(team, name), b"?" + (team.folder / name).read_bytes()[1:])
    clone = second_clone(team)
    clone.run("dvc", "pull", ok=False)
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
