import gzip
import hashlib
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from digitrec.data.downloads import Fetcher, RemoteFile
from digitrec.errors import ArtifactError, DownloadError
from tests.data.servers import CONTENT, FILE, HTML, NAME, WHOLE, files_in, problems, remote, sends, sends_on, server


def _nowhere() -> str:
    """A URL on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def test_a_whole_file_is_fetched_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with server(WHOLE) as (url, asked):
        path = Fetcher([], tmp_path)(remote(url))
        assert path.read_bytes() == FILE
        assert files_in(tmp_path) == [path]
        assert Fetcher([], tmp_path)(remote(url)) == path
    assert asked == [f"/mnist/{NAME}"]
    assert f"{NAME}: from {url}" in capsys.readouterr().out


def test_a_password_in_a_url_is_sent_and_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    seen = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        (WHOLE if len(seen) > 1 else HTML)(request)

    with server(answer) as (url, _):
        Fetcher([], tmp_path)(remote(*[url.replace("://", "://me:secret@")] * 2))
    assert seen == ["Basic bWU6c2VjcmV0"] * 2
    assert capsys.readouterr().out.count(f"from {url}") == 2


def test_a_kept_file_that_was_damaged_is_fetched_again(tmp_path: Path) -> None:
    with server(WHOLE) as (url, asked):
        path = Fetcher([], tmp_path)(remote(url))
        path.write_bytes(FILE[:-10])
        assert Fetcher([], tmp_path)(remote(url)).read_bytes() == FILE
    assert len(asked) == 2


def test_another_file_of_the_same_name_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    other = b"other content"
    with server(WHOLE, sends(gzip.compress(other))) as (url, _):
        Fetcher([], tmp_path)(remote(url))
        path = Fetcher([], tmp_path)(remote(url, content=other))
    assert gzip.decompress(path.read_bytes()) == other


def test_repacked_content_counts_as_the_same_file(tmp_path: Path) -> None:
    with server(sends(gzip.compress(CONTENT, compresslevel=1, mtime=99))) as (url, _):
        assert gzip.decompress(Fetcher([], tmp_path)(remote(url)).read_bytes()) == CONTENT


def test_sources_are_tried_in_order_until_one_has_the_file_whole(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / NAME).write_bytes(FILE[: len(FILE) // 2])
    with server(HTML) as (first, asked_first), server(WHOLE) as (second, asked_second), server(WHOLE) as (third, no):
        fetch = Fetcher([str(tmp_path / "empty"), str(tmp_path / "folder"), first], tmp_path / "cache")
        path = fetch(remote(second, third))
    assert path.read_bytes() == FILE
    assert (len(asked_first), len(asked_second), len(no)) == (1, 1, 0)


def test_a_file_in_a_folder_is_taken_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(FILE)
    with server(WHOLE) as (url, asked):
        assert Fetcher([str(tmp_path)], tmp_path / "cache")(remote(url)) == tmp_path / NAME
    assert asked == []
    assert not (tmp_path / "cache").exists()


def test_the_message_names_every_source_why_it_failed_and_both_ways_on(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / NAME).write_bytes(gzip.compress(b"something else"))
    closed = _nowhere()
    wrong = hashlib.sha256(b"something else").hexdigest()
    with (
        server(HTML) as (page, _),
        server(sends(b"", status=404)) as (missing, _),
        server(sends(b"\1\2")) as (no, _),
    ):
        fetch = Fetcher([str(tmp_path / "none"), str(tmp_path / "folder"), closed], tmp_path / "cache")
        with pytest.raises(DownloadError) as caught:
            fetch(remote(page, missing, no))
    text = str(caught.value)
    lines = text.splitlines()
    assert lines[0] == f"{NAME} could not be had. Tried, in this order:"
    expected = [
        f"  {tmp_path}/none/{NAME}: no such file",
        f"  {tmp_path}/folder/{NAME}: the SHA-256 of its content is {wrong}, expected "
        f"{hashlib.sha256(CONTENT).hexdigest()}",
        f"  {closed}{NAME}: no connection",
        f"  {page}{NAME}: an HTML page, not the file",
        f"  {missing}{NAME}: the server said 404 Not Found",
        f"  {no}{NAME}: no valid gzip file",
    ]
    for line, start in zip(lines[1:-1], expected, strict=True):
        assert line.startswith(start)
    assert "DIGITREC_MIRROR=/path/to/folder dvc repro" in lines[-1]
    assert "make demo" in lines[-1]
    assert not files_in(tmp_path / "cache")


def test_a_file_that_the_server_cut_short_is_rejected(tmp_path: Path) -> None:
    with server(sends(FILE[:-100])) as (url, _):
        (line,) = problems(Fetcher([], tmp_path), remote(url))
    assert f"the file is cut short ({len(FILE) - 100:,} bytes)" in line


def test_a_connection_that_breaks_off_leads_to_the_next_mirror(tmp_path: Path) -> None:
    broken = sends(FILE[:1000], Content_Length=str(len(FILE)))
    with server(broken) as (first, _), server(WHOLE) as (second, _):
        assert Fetcher([], tmp_path / "a")(remote(first, second)).read_bytes() == FILE
        (line,) = problems(Fetcher([], tmp_path / "b"), remote(first))
    assert "no connection, or it broke off" in line


@pytest.mark.parametrize("sent_at_once", [None, 0, 1000], ids=["nothing", "headers", "some"])
def test_a_mirror_that_hangs_is_given_up(tmp_path: Path, sent_at_once: int | None) -> None:
    over = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        # Who waits long enough does get the file; we have hung up by then.
        with suppress(OSError):
            if sent_at_once is None:
                over.wait(5)
                WHOLE(request)
            else:
                sends(FILE[:sent_at_once], Content_Length=str(len(FILE)))(request)
                over.wait(5)
                request.wfile.write(FILE[sent_at_once:])

    with server(answer) as (url, _), server(WHOLE) as (second, _):
        (line,) = problems(Fetcher([], tmp_path / "a", timeout=0.2), remote(url))
        assert Fetcher([], tmp_path / "b", timeout=0.2)(remote(url, second)).read_bytes() == FILE
        over.set()
    assert line == f"  {url}{NAME}: no answer within 0.2 s"


def test_a_mirror_that_hung_is_asked_last_for_the_next_file(tmp_path: Path) -> None:
    other = b"other content"

    def hangs(request: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(0.5)

    with server(hangs) as (first, asked), server(WHOLE, sends(gzip.compress(other))) as (second, _):
        fetch = Fetcher([], tmp_path, timeout=0.2)
        fetch(remote(first, second))
        assert gzip.decompress(fetch(remote(first, second, content=other)).read_bytes()) == other
    assert len(asked) == 1


def test_a_server_with_a_passing_trouble_is_asked_again(tmp_path: Path) -> None:
    trouble = sends(b"busy", status=503)
    with server(trouble, trouble, WHOLE) as (url, asked):
        assert Fetcher([], tmp_path)(remote(url)).read_bytes() == FILE
    assert len(asked) == 3


def test_a_server_in_lasting_trouble_is_quoted(tmp_path: Path) -> None:
    with server(sends(b"busy", status=500)) as (url, asked):
        (line,) = problems(Fetcher([], tmp_path), remote(url))
    assert line == f"  {url}{NAME}: the server said 500 Internal Server Error"
    assert len(asked) == 3


def test_an_md5_is_of_the_file_itself(tmp_path: Path) -> None:
    right = RemoteFile(NAME, (), md5_of_file=hashlib.md5(FILE).hexdigest())
    path = tmp_path / NAME
    path.write_bytes(FILE)
    assert right.problem(path) == ""
    path.write_bytes(FILE + b"\0")
    found = hashlib.md5(FILE + b"\0").hexdigest()
    assert right.problem(path) == f"its MD5 is {found}, expected {right.md5_of_file}"
    path.write_bytes(b"  <html>")
    assert right.problem(path).startswith("an HTML page")


@pytest.mark.parametrize("content", [b"", FILE[:5], FILE[:200], FILE[:200] + b"\0\1\2\3" * 50, b"\x1f\x8bxxxxxxxxxx"])
def test_a_damaged_gzip_file_has_a_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert remote().problem(tmp_path / NAME)


def test_a_cache_that_cannot_be_written_is_not_blamed_on_the_mirror(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with server(WHOLE) as (url, _), pytest.raises(ArtifactError, match="cannot write"):
        Fetcher([], tmp_path / "cache")(remote(url))


def test_an_interrupted_download_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: RemoteFile, path: Path) -> str:
        assert path.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(RemoteFile, "problem", interrupt)
    with server(WHOLE) as (url, _), pytest.raises(KeyboardInterrupt):
        Fetcher([], tmp_path)(remote(url))
    assert not files_in(tmp_path)


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    with server(WHOLE) as (other, asked), server(sends_on(f"{other}{NAME}")) as (url, _):
        assert Fetcher([], tmp_path)(remote(url)).read_bytes() == FILE
    assert asked == [f"/mnist/{NAME}"]


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/file", "file:///etc/hostname"])
def test_a_redirect_to_another_scheme_is_refused(tmp_path: Path, target: str) -> None:
    with server(sends_on(target)) as (url, _):
        (line,) = problems(Fetcher([], tmp_path), remote(url))
    assert line == f"  {url}{NAME}: it sends us on to {target}, which is not http"


def test_a_redirect_away_from_https_is_refused() -> None:
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://example.org/a"
    session = Fetcher([], Path()).session
    answer.headers["Location"] = "http://example.org/a"
    with pytest.raises(Exception, match=r"sends us on to http://example\.org/a, which is not https"):
        session.get_redirect_target(answer)
    for target in ("https://example.net/b", "/b", "b"):
        answer.headers["Location"] = target
        assert session.get_redirect_target(answer) == target
