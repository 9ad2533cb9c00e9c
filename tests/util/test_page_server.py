"""The server of ``modelstitch watch``: on loopback for this machine alone, elsewhere with a token."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelstitch.errors import RunError
from modelstitch.util.page_server import PageServer, page_server


@contextmanager
def serving(server: PageServer) -> Iterator[PageServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(server: PageServer, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def page(path: str) -> str | None:
    return f"<p>{path}</p>" if path in ("/", "/a/report.html") else None


def test_pages_are_served_to_this_machine_alone() -> None:
    with serving(page_server(page, "127.0.0.1", 0)) as server:
        assert server.token is None
        assert "token" not in server.address
        found = asked(server, "/a/report.html?x=1")
        assert (found.status, found.read()) == (200, b"<p>/a/report.html</p>")
        assert "default-src 'none'" in (found.getheader("Content-Security-Policy") or "")
        for path in ("/b", "/../run.sqlite", "/run.sqlite", "//etc/passwd"):
            assert asked(server, path).status == 404
        assert asked(server, "/", Host="evil.example:80").status == 403  # DNS that was rebound
        assert asked(server, "/", method="POST").status == 501
        with pytest.raises(RunError, match="cannot listen on 127.0.0.1 port .*give another --port"):
            page_server(page, "127.0.0.1", server.server_address[1])


def test_elsewhere_every_request_needs_the_token() -> None:
    with serving(page_server(page, "0.0.0.0", 0)) as server:
        assert server.token is not None
        assert server.address.endswith(f"?token={server.token}")
        for path in ("/", "/?token=", "/?token=x", f"/?token={server.token[:-1]}"):
            assert asked(server, path).status == 403
        first = asked(server, f"/?token={server.token}", Host="any.example")
        assert first.status == 200
        cookie = first.getheader("Set-Cookie") or ""
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert asked(server, "/a/report.html", Cookie=cookie.split(";")[0]).status == 200
        assert asked(server, "/", Cookie="token=x").status == 403
