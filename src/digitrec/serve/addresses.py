"""Addresses of the service: below a path of a proxy's, with a slash at their end or without, by GET or by HEAD."""

import re
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from digitrec.errors import DigitrecError

# Links of the page to what the service has; it has no others.
LINK = re.compile(r'(href|src)="(?:\./)?(?=[\w"])')


class RootPathError(DigitrecError):
    """What is no path below which a service can lie."""


def read_root_path(text: str) -> str:
    """Check the path that a proxy puts before those of the service, and give it without a slash at its end.

    Parameters
    ----------
    text : str
        Such as `/digits`, or `/user/j%C3%B6/proxy/8000/`; empty or `/` for none.

    Returns
    -------
    str
        As it is in a request that is decoded.

    Raises
    ------
    RootPathError
        When it is no such path.
    """
    path = unquote(text).rstrip("/")
    parts = path.split("/")
    if parts[0] or not all(parts[1:]) or {".", ".."} & set(parts) or not re.fullmatch(r"[^?#\\\x00-\x1f]*", path):
        raise RootPathError(f"--root-path: got {text!r}, expected the path of an address, such as /digits")
    return path


def page_below(root_path: str, page: str, slashes: int = 0) -> str:
    """Write a page's links so that they lead to the service, with so many slashes at the end of the page's address."""
    # Without a path to go by, links follow whatever address the page is at.
    before = f"{quote(root_path)}/" if root_path else "../" * slashes
    return LINK.sub(rf'\1="{before}', page) if before else page


class Addresses:
    """Brings a request's address to the one that the service knows, without sending anybody elsewhere.

    Proxies that put a path before the service's take it away from a request, or leave it: both are taken, as is a
    request that comes past the proxy. A redirection would name a scheme and a host, of which a service behind a proxy
    knows nothing, so a slash too many is passed over instead. HEAD is answered as GET; the server keeps the body back.

    Parameters
    ----------
    app : callable
        By ASGI.
    root_path : str
        As `read_root_path` gives it.
    """

    def __init__(self, app: ASGIApp, root_path: str = ""):
        self._app, self._root_path = app, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            root, path = self._root_path, scope["path"].rstrip("/")
            inside = path if path == root or path.startswith(f"{root}/") else root + path
            scope = {
                **scope,
                "root_path": root,
                "path": f"{root}/" if inside == root else inside,
                "method": "GET" if scope["method"] == "HEAD" else scope["method"],
            }
        await self._app(scope, receive, send)
