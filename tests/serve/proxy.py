"""A proxy that puts a path before those of a service."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def proxy(port: int, path: str, takes_away: bool) -> Iterator[str]:
    """Forward what lies below `path` to a port of this machine; gives the address that others see.

    It says of a request what such proxies say, and calls itself encrypted. `takes_away` tells whether the service gets
    a request without the path, as most proxies have it, or with it, as some of JupyterHub's do.
    """

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if self.path != path and not self.path.startswith((f"{path}/", f"{path}?")):
                self.send_error(404, "not below the path")
                return
            target = (self.path.removeprefix(path) or "/") if takes_away else self.path
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = dict(self.headers) | {"x-forwarded-proto": "https", "x-forwarded-host": "example.org"}
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(self.command, target, body, headers)
            response = connection.getresponse()
            content = response.read()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_HEAD = do_POST = forward

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{path}"
        server.shutdown()
