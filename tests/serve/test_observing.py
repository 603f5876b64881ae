"""Ids, counts and the log of a real service."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.serve.conftest import PATH, Service, running


def counts(service: Service) -> dict[tuple[str, str], float]:
    """Requests by path and status, as Prometheus would read them."""
    text = httpx.get(f"{service.url}/metrics").text
    found = re.findall(r'^digitrec_requests_total\{path="([^"]*)",status="(\d+)"\} (\S+)$', text, re.MULTILINE)
    return {(path, status): float(value) for path, status, value in found}


def test_every_answer_has_an_id_of_its_own_or_the_one_that_was_given(client: httpx.Client) -> None:
    answers = [client.get(path) for path in ("/healthz", "/healthz", "/static/page.css", "/nowhere")]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 4
    assert answers[3].json()["request_id"] == ids[3]
    given = client.get("/healthz", headers={"x-request-id": "from-a.proxy:1"})
    assert given.headers["x-request-id"] == "from-a.proxy:1"
    for wrong in ("a b", "x" * 65, '{"a": 1}', ""):
        assert client.get("/healthz", headers={"x-request-id": wrong}).headers["x-request-id"] != wrong


@pytest.mark.parametrize(("path", "body"), [("/predict", b""), ("/predict?pixels=perhaps", b"?"), ("/read", b"?")])
def test_an_error_names_its_request(client: httpx.Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"x-request-id": "mine"})
    assert answer.status_code >= 400
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine"


@pytest.mark.slow
def test_workers_keep_one_account_in_prometheus_format(exported: Path) -> None:
    with running(exported, "--workers", "2") as service:
        # A new connection each, so that both workers get some.
        for _ in range(20):
            assert httpx.get(f"{service.url}/healthz").status_code == 200
        httpx.post(f"{service.url}/predict", content=b"no image")
        # Whoever asks for anything makes no series of their own.
        for name in ("a", "b", "c"):
            httpx.get(f"{service.url}/{name}")
        found = counts(service)
        assert found["/healthz", "200"] == 20
        assert found["/predict", "422"] == 1
        assert found["other", "404"] == 3
        answer = httpx.get(f"{service.url}/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert 'digitrec_request_seconds_count{path="/healthz"} 20.0' in answer.text


@pytest.mark.slow
def test_a_log_line_for_each_request_where_it_is_asked_for(exported: Path) -> None:
    with running(exported, "--access-log", "--root-path", PATH) as service:
        httpx.get(f"{service.url}/healthz", headers={"x-request-id": "one"})
        httpx.get(f"{service.url}/nowhere", headers={"x-request-id": "two"})
        lines = [json.loads(service.process.stdout.readline()) for _ in range(2)]
        assert [(line["id"], line["path"], line["status"]) for line in lines] == [
            ("one", "/healthz", 200),
            ("two", "/nowhere", 404),
        ]
        assert all(line["method"] == "GET" and line["client"] == "127.0.0.1" for line in lines)
        assert all(0 <= line["milliseconds"] < 60_000 for line in lines)
        assert abs(datetime.now(UTC) - datetime.fromisoformat(lines[0]["time"])) < timedelta(minutes=5)


@pytest.mark.slow
def test_without_being_asked_nothing_is_logged(exported: Path) -> None:
    with running(exported) as service:
        httpx.get(f"{service.url}/nowhere")
        service.process.terminate()
        assert service.process.communicate(timeout=40) == ("", "")
