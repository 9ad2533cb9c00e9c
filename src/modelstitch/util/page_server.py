"""A small server of pages that are made when they are asked for; on loopback, or with a token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelstitch.errors import RunError

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def page_server(pages: Callable[[str], str | None], host: str, port: int) -> PageServer:
    """Return a server that listens, and does not serve yet.

    Args:
        pages: returns the page of a path, or None.
        host, port: to listen on; 0 for any free port. Without loopback, every request needs a token.

    Raises:
        RunError: nothing can listen there.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    try:
        return PageServer((host, port), pages, token)
    except (OSError, OverflowError) as error:
        raise RunError(
            f"cannot listen on {host} port {port}: {error}; give another --port, such as 0 for any free one"
        ) from error


class PageServer(ThreadingHTTPServer):
    """Serves pages by GET alone.

    Attributes:
        token: that every request needs; None on loopback, where the name of the host is checked instead.
    """

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], pages: Callable[[str], str | None], token: str | None
    ) -> None:
        self.pages, self.token = pages, token
        super().__init__(address, _Handler)

    @property
    def address(self) -> str:
        """The address of the first page, with the token where one is needed."""
        host, port = str(self.server_address[0]), self.server_address[1]
        query = "" if self.token is None else f"?token={self.token}"
        return f"http://{host}:{port}/{query}"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 30

    def do_GET(self) -> None:
        """Answer with a page."""
        asked = urlsplit(self.path)
        token = self.server.token
        if token is None:
            # A page of a stranger that resolves its name to this machine must not read ours.
            if self.headers.get("Host", "").rpartition(":")[0] not in _LOCAL:
                self._answer(403, "expected a request for localhost")
                return
        elif not self._knows(token, parse_qs(asked.query).get("token", [""])[0]):
            self._answer(403, "expected the address that modelstitch watch printed, with its token")
            return
        text = self.server.pages(asked.path)
        if text is None:
            self._answer(404, "no such page")
            return
        cookie = {} if token is None else {"Set-Cookie": f"token={token}; HttpOnly; SameSite=Strict; Path=/"}
        self._answer(200, text, **cookie)

    def _knows(self, token: str, given: str) -> bool:
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get("token")
        except CookieError:
            cookie = None
        known = given or ("" if cookie is None else cookie.value)
        return hmac.compare_digest(known.encode(), token.encode())

    def _answer(self, code: int, text: str, **further: str) -> None:
        body = text.encode()
        self.send_response(code)
        kind = "text/html" if code == 200 else "text/plain"
        values = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        for name, value in {**values, **_HEADERS, **further}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal belongs to the user."""
