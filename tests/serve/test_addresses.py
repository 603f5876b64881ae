"""A service at other addresses than the root of a host: below a path, with a slash more, by HEAD, by IPv6."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from digitrec.serve.addresses import RootPathError, read_root_path
from tests.serve.conftest import PATH, Service, refused, running
from tests.serve.proxy import proxy

SEEN = ("/healthz", "/model", "/openapi.json", "/", "/static/page.js", "/pages", "/pages/")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("/", ""),
        ("/digits", "/digits"),
        ("/digits/", "/digits"),
        ("/a/b//", "/a/b"),
        (PATH, "/user/jö@x/proxy/8000"),
    ],
)
def test_a_root_path_is_read_with_a_slash_at_its_end_or_without(text: str, path: str) -> None:
    assert read_root_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["digits", "//digits", "/a//b", "/a/../b", "/.", "http://host/digits", "/a?b", "/a#b", "/a%0Ab", "/a\\b", " "],
)
def test_what_is_no_path_is_refused_by_name(text: str) -> None:
    with pytest.raises(RootPathError, match=r"--root-path: got .*, expected the path of an address, such as /digits"):
        read_root_path(text)


@pytest.mark.slow
def test_a_wrong_root_path_is_one_line(exported: Path) -> None:
    assert refused(exported, "--root-path", "digits").startswith("error: --root-path: got 'digits'")


@pytest.mark.slow
@pytest.mark.parametrize("takes_away", [True, False])
def test_below_a_path_all_is_answered_and_nobody_is_sent_elsewhere(below: Service, takes_away: bool) -> None:
    with proxy(below.port, PATH, takes_away) as url, httpx.Client(timeout=60) as client:
        for path in (*SEEN, "", "/healthz/", "/model?x=1"):
            response = client.get(url + path)
            assert response.status_code == 200, path
            assert "location" not in response.headers
            assert "example.org" not in response.text
        assert client.post(f"{url}/predict/?pixels=true", content=b"none").status_code == 422
        assert client.get(f"{url}/nothing").status_code == 404
        assert client.get(f"{url}/static/%2e%2e/app.py").status_code == 404
        assert client.get(f"{url}/openapi.json").json()["servers"] == [{"url": PATH}]
        assert f'src="{PATH}/static/page.js"' in client.get(url).text
        for path in ("/pages", "/pages/"):
            shown = client.get(url + path).text
            assert f'src="{PATH}/static/pages.js"' in shown
            assert f'href="{PATH}/"' in shown


@pytest.mark.slow
def test_what_comes_past_the_proxy_is_answered_too(below: Service) -> None:
    assert httpx.get(f"{below.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{below.url}/static/page.js").status_code == 200


@pytest.mark.slow
def test_a_service_that_knows_of_no_path_is_found_below_one_that_is_taken_away(service: Service) -> None:
    with proxy(service.port, PATH, takes_away=True) as url, httpx.Client() as client:
        assert client.get(f"{url}/healthz").json() == {"status": "ok"}
        # Links that follow the page's own address.
        assert 'src="static/page.js"' in client.get(f"{url}/").text
        for slashes, up in (("", ""), ("/", "../"), ("//", "../../")):
            shown = client.get(f"{url}/pages{slashes}").text
            assert f'src="{up}static/pages.js"' in shown
            assert f'href="{up or "./"}"' in shown


def test_what_a_proxy_says_of_a_request_changes_nothing(service: Service) -> None:
    said = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "example.org",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-prefix": "/evil",
        "x-script-name": "/evil",
        "forwarded": "host=example.org;proto=https",
        "host": "example.org",
    }
    with httpx.Client(base_url=service.url) as client:
        for path in SEEN:
            plain, told = client.get(path), client.get(path, headers=said)
            assert (told.status_code, told.content) == (plain.status_code, plain.content)


def test_head_is_answered_wherever_get_is_and_has_no_body(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        for path in (*SEEN, "/static/icon.svg", "/healthz/", "/nothing"):
            head, get = client.head(path), client.get(path)
            assert head.status_code == get.status_code, path
            assert head.content == b""
            for name in ("content-type", "content-length"):
                assert head.headers[name] == get.headers[name]
        refused = client.head("/predict")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        # The document of the API tells of it no more than of GET.
        assert set(client.get("/openapi.json").json()["paths"]["/healthz"]) == {"get"}


def test_a_slash_too_many_redirects_nobody(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/healthz/").json() == {"status": "ok"}
        for path in ("/nothing/", "/static", "/static/"):
            assert client.get(path).status_code == 404
        response = client.post("/predict/", json={"pixels": [[0] * 28] * 28})
        assert set(json.loads(response.text)) >= {"label", "probabilities"}


@pytest.mark.slow
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="the system has no IPv6, or not beside IPv4")
@pytest.mark.parametrize("host", ["::", "[::]", "0::0"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_addresses_are_those_of_both_families(exported: Path, host: str, workers: str) -> None:
    with running(exported, "--host", host, "--workers", workers) as service:
        for address in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{address}:{service.port}/healthz").json() == {"status": "ok"}


@pytest.mark.slow
def test_a_name_of_both_families_is_listened_at_by_ipv4_alone(exported: Path) -> None:
    with running(exported, "--host", "localhost") as service:
        assert httpx.get(f"http://127.0.0.1:{service.port}/healthz").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("host", ["", " ", "[]"])
def test_no_host_is_not_taken_for_every_address(exported: Path, host: str) -> None:
    """As `--host $HOST` has it where the variable is not set."""
    assert refused(exported, "--host", host).startswith("error: --host: is empty, expected an address")
