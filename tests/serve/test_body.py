import asyncio
from collections.abc import Iterable

import pytest
from fastapi import HTTPException, Request

from digitrec.serve import body


def _request(messages: Iterable[dict], **headers: str) -> Request:
    """A request whose messages come one by one, and then none for ever."""
    coming = list(messages)

    async def receive() -> dict:
        if not coming:
            await asyncio.sleep(60)
        return coming.pop(0)

    names = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": names}, receive)


def _part(content: bytes, more: bool = True) -> dict:
    return {"type": "http.request", "body": content, "more_body": more}


def test_a_body_in_parts_is_read_whole() -> None:
    request = _request([_part(b"one"), _part(b""), _part(b"two", more=False)])
    assert asyncio.run(body.read_body(request)) == b"onetwo"


def test_a_slow_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_SECONDS", 0.05)
    with pytest.raises(HTTPException, match=r"408: the body was not complete after 0\.05 seconds"):
        asyncio.run(body.read_body(_request([_part(b"one")])))


def test_a_body_that_ends_early_is_told() -> None:
    with pytest.raises(HTTPException, match="400: the body was cut off"):
        asyncio.run(body.read_body(_request([_part(b"one"), {"type": "http.disconnect"}])))


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    with pytest.raises(HTTPException, match="413: the body has more than 5,000,000 bytes"):
        asyncio.run(asyncio.wait_for(body.read_body(_request([], content_length="5000001")), 1))


FORM = b'--b\r\ncontent-disposition: form-data; name="image"; filename="%s"\r\n\r\nabc\r\n--b--\r\n'


def _form(charset: str, name: bytes) -> tuple[bytes, str]:
    request = _request([], content_type=f"multipart/form-data; boundary=b; charset={charset}")
    return asyncio.run(body.file_of_form(request, FORM % name))


def test_a_form_is_read_whatever_encoding_it_names() -> None:
    assert _form("utf-8", "é.png".encode()) == (b"abc", "é.png")
    # Half of a pair, which no answer can hold.
    assert _form("unicode_escape", rb"\ud800.png") == (b"abc", "?.png")
    for charset in ("none", "rot13"):
        assert _form(charset, b"a.png") == (b"abc", "a.png")
    with pytest.raises(HTTPException, match=r"422: the form cannot be read .*undefined encoding"):
        _form("undefined", b"a.png")


def test_a_name_is_told_without_what_a_terminal_takes_for_a_command() -> None:
    assert _form("utf-8", b"a\x7f\x1b[2J.png") == (b"abc", "a??[2J.png")
