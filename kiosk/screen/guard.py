"""Who may talk to the page: the browser beside it, showing the page itself, and nobody else.

- `Host` must be the loopback name that the socket has: a name that an attacker points at 127.0.0.1
  (DNS rebinding) is refused.
- `Origin` and `Sec-Fetch-Site`, where a browser sends them, must be the page's own.
- Whatever changes something carries the token of this start, which only the page itself can read.
- The page loads nothing from elsewhere and nothing of it is kept (`no-store`).
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "X-Kiosk-Token"  # noqa: S105 (a header's name)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_OWN_SITE = frozenset({"same-origin", "none"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses everybody else, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app, self._token = app, token
        self._hosts = frozenset(f"{name}:{port}" for name in _LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        why = self._refusal(scope["method"], Headers(scope=scope))
        if why is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await PlainTextResponse(why, 403)(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        if headers.get("host") not in self._hosts:
            return "this host is not served"
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts}:
            return "this origin is not served"
        if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
            return "this site is not served"
        if method not in ("GET", "HEAD"):
            given = headers.get(TOKEN_HEADER, "")
            if not secrets.compare_digest(given.encode(), self._token.encode()):
                return "the page is of an earlier start; load it again"
        return None
