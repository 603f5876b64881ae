"""Servers that answer badly: the next source within seconds, a word of what happened, nothing half written."""

import gzip
import socket
import struct
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from digitrec.data import downloads
from digitrec.data.downloads import Fetcher
from digitrec.errors import DownloadError
from tests.data.servers import (
    CONTENT,
    FILE,
    HTML,
    NAME,
    WHOLE,
    Answer,
    files_in,
    problems,
    remote,
    sends,
    sends_on,
    sends_raw,
    server,
)


def _drips(prefix: bytes, piece: bytes) -> Answer:
    """Send a prefix, then a piece 20 times a second for as long as anybody listens."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            request.wfile.write(prefix)
            for _ in range(200):
                request.wfile.write(piece)
                time.sleep(0.05)

    return answer


def _resets(after: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(after)
        request.wfile.flush()
        # To hang up is then to reset.
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FAULTS: dict[str, tuple[Answer, str]] = {
    "slow headers": (_drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), "no answer within 0.3 s"),
    "slow content": (_drips(HEAD, b"x" * 10), "too slow: "),
    "slow chunks": (_drips(CHUNKED, b"1\r\nx\r\n"), "too slow: "),
    "reset at once": (_resets(b""), "no connection, or it broke off (Connection reset by peer)"),
    "reset in the headers": (_resets(HEAD[:20]), "no connection, or it broke off"),
    "reset midway": (_resets(HEAD + FILE[:1000]), "no connection, or it broke off"),
    "closed at once": (sends_raw(b""), "no connection, or it broke off"),
    "closed midway": (sends_raw(HEAD + FILE[:1000]), "no connection, or it broke off"),
    "not HTTP": (sends_raw(b"220 mail.example.org ESMTP\r\n"), "no connection, or it broke off"),
    "a line without end": (sends_raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000), "no connection, or it broke off"),
    "headers without end": (sends_raw(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000), "no connection, or it broke off"),
    "a line that is no header": (sends_raw(b"HTTP/1.1 200 OK\r\nbroken\r\nX: a\r\n\r\nx"), "no valid gzip file"),
    "two kinds of length": (sends_raw(CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n"), "no valid gzip file"),
    "two lengths": (sends(FILE, Content_Length="5, 7"), "the request or its answer makes no sense"),
    "too short a length": (sends(FILE, Content_Length="1000"), "the file is cut short (1,000 bytes)"),
    "broken chunks": (sends_raw(CHUNKED + b"xyz\r\n"), "no connection, or it broke off"),
    "part of the file": (sends(FILE[:1000], status=206), "the file is cut short (1,000 bytes)"),
    "no content": (sends(b"", status=204), "no valid gzip file"),
    "a choice": (sends(b"", status=300), "the server said 300 Multiple Choices"),
    "not modified": (sends(b"", status=304), "the server said 304 Not Modified"),
    "forbidden": (sends(b"", status=403), "the server said 403 Forbidden"),
    "proxy": (sends(b"", status=407), "the server said 407 Proxy Authentication Required"),
    "range": (sends(b"", status=416), "the server said 416 Requested Range Not Satisfiable"),
    "own number": (sends_raw(b"HTTP/1.1 999\r\n\r\n"), "the server said 999"),
    "colours for the terminal": (sends_raw(b"HTTP/1.1 400 \x1b[31mNo\r\n\r\n"), "the server said 400 [31mNo"),
    "log-in page": (HTML, "an HTML page, not the file"),
    "log-in page with a mark": (sends(b"\xef\xbb\xbf<html>"), "an HTML page, not the file"),
    "log-in page, packed": (sends(gzip.compress(b"<html>"), Content_Encoding="gzip"), "an HTML page, not the file"),
    "message of a program": (sends(b'{"error": "no"}'), "no valid gzip file, nor its content unpacked"),
    "round and round": (sends_on(f"/mnist/{NAME}"), "it sends us on and on, more than 5 times"),
    "redirect to nonsense": (sends_on("http://[/"), "the request or its answer makes no sense"),
    "redirect to no host": (sends_on("http://:80/"), "the request or its answer makes no sense"),
    "redirect to bytes": (sends_on("http://\xff\xfe/"), "the request or its answer makes no sense"),
    "redirect to a file": (sends_on("file:///etc/passwd"), "it sends us on to file:///etc/passwd, which is not http"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_told_and_the_next_source_taken_within_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    answer, expected = FAULTS[fault]
    with server(answer) as (bad, _), server(WHOLE) as (good, _):
        start = time.monotonic()
        path = Fetcher([], tmp_path / "a", timeout=0.3)(remote(bad, good))
        assert time.monotonic() - start < 5
        assert path.read_bytes() == FILE
        assert files_in(tmp_path) == [path]
        told = capsys.readouterr().out.splitlines()
        assert told[0].startswith(f"{NAME}: not from {bad}{NAME}: {expected}")
        assert told[1] == f"{NAME}: from {good}{NAME}"
        (line,) = problems(Fetcher([], tmp_path / "b", timeout=0.3), remote(bad))
    assert line.startswith(f"  {bad}{NAME}: {expected}")
    # Which would be printed, with a traceback.
    assert not caplog.records


@pytest.mark.parametrize(
    ("status", "wish"),
    [(503, "40"), (429, "99999"), (503, "Wed, 21 Oct 2065 07:28:00 GMT"), (429, "soon"), (503, "-1")],
)
def test_how_long_a_busy_server_would_have_us_wait_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture, wish: str, status: int
) -> None:
    busy = sends(b"", status=status, Retry_After=wish)
    with server(busy) as (first, asked), server(WHOLE) as (second, _):
        start = time.monotonic()
        Fetcher([], tmp_path)(remote(first, second))
    assert time.monotonic() - start < 5
    assert len(asked) == 3
    assert f"not from {first}{NAME}: the server said {status}" in capsys.readouterr().out


@pytest.mark.parametrize("length", ["abc", "-5", "", "1.5", "9" * 15, "9" * 5000, str(len(FILE) + 1), None])
def test_the_content_counts_and_not_the_length_that_was_announced(tmp_path: Path, length: str | None) -> None:
    with server(sends(FILE, Content_Length=length)) as (url, _):
        assert Fetcher([], tmp_path)(remote(url)).read_bytes() == FILE


def test_a_file_that_is_whole_before_the_server_falls_silent_is_taken(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        sends(FILE, Content_Length="abc")(request)
        time.sleep(1)

    with server(answer) as (url, _):
        assert Fetcher([], tmp_path, timeout=0.2)(remote(url)).read_bytes() == FILE


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        *((encoding, sent) for encoding in ("gzip", "X-GZIP") for sent in (FILE, CONTENT, gzip.compress(FILE))),
        *((encoding, sent) for encoding in ("identity", "aws-chunked", "br") for sent in (FILE, CONTENT)),
    ],
)
def test_the_content_counts_and_not_how_the_server_says_it_was_packed(
    tmp_path: Path, encoding: str, sent: bytes
) -> None:
    with server(sends(sent, Content_Encoding=encoding)) as (url, _):
        path = Fetcher([], tmp_path)(remote(url))
    assert path.read_bytes() in (FILE, CONTENT)


def test_a_server_that_never_ends_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 1_000_000)
    with server(sends_raw(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_000_000))) as (url, _):
        (line,) = problems(Fetcher([], tmp_path), remote(url))
    assert "sends more than 1,000,000 bytes" in line


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_small_file_that_holds_next_to_no_end_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 1_000_000)
    with server(sends(gzip.compress(bytes(9_000_000)), Content_Encoding=encoding)) as (url, _):
        (line,) = problems(Fetcher([], tmp_path), remote(url))
    assert "holds more than 1,000,000 bytes, which is no file of a dataset" in line


def test_a_slow_server_that_goes_on_is_waited_for(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for start in range(0, len(FILE), 30_000):
            request.wfile.write(FILE[start : start + 30_000])
            time.sleep(0.1)

    with server(answer) as (url, _):
        assert Fetcher([], tmp_path, timeout=0.3)(remote(url)).read_bytes() == FILE


def test_a_server_that_does_not_speak_tls_is_told_of(tmp_path: Path) -> None:
    with server(WHOLE) as (url, _):
        (line,) = problems(Fetcher([], tmp_path), remote(url.replace("http:", "https:")))
    assert "no secure connection (" in line
    assert "REQUESTS_CA_BUNDLE" in line


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        (None, "the proxy gives no connection (Tunnel connection failed: 407 Proxy Authentication Required)"),
        ("http://127.0.0.1:9", "the proxy gives no connection (Connection refused)"),
        ("http://[", "the request or its answer makes no sense"),
        ("banana://127.0.0.1", "the request or its answer makes no sense"),
    ],
)
def test_a_proxy_that_does_not_let_us_through_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str | None, expected: str
) -> None:
    with server(sends(b"", status=407)) as (url, _):
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy or url)
        (line,) = problems(Fetcher([], tmp_path), remote("https://example.org/mnist/"))
    assert expected in line


def test_a_name_that_nobody_has_and_a_missing_certificate_file_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    (line,) = problems(Fetcher([], tmp_path / "a", timeout=2), remote("https://example.invalid/"))
    assert "none.pem" in line
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(DownloadError, match=r"example\.invalid/train.*: no "):
        Fetcher([], tmp_path / "b", timeout=2)(remote("https://example.invalid/"))
