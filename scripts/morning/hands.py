"""What people do with their hands at the terminal of the demo: the page's requests, and a badge.

The page is asked as a browser would ask it, over loopback with the token that the page carries. The
badge reader is a serial one at a pseudo terminal, which outlives each start of the terminal.
"""

from __future__ import annotations

import json
import os
import re
import threading
import tty
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import Any

_WITHIN_S = 10.0
_SILENT_S = 60.0  # the page hears something every 15 s
_TOKEN = re.compile(r'<meta name="kiosk-token" content="([^"]+)">')


class Page:
    """The screen's page at a port; `load` it after each start of the terminal.

    `shown` has every view that the page showed since it was emptied last, as HTML.
    """

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._token = ""
        self.shown: list[str] = []

    def load(self) -> None:
        """Open the page: its token is of this start, and so are the views that it follows."""
        page = self._ask("/")
        found = _TOKEN.search(page)
        if found is None:
            raise RuntimeError("the screen's page carries no token")
        self._token = found[1]
        threading.Thread(target=self._follow, name="page", daemon=True).start()

    def panel(self, name: str) -> str:
        """A panel's HTML, as "day"."""
        return self._ask(f"/panels/{name}")

    def act(self, name: str, **body: Any) -> None:
        """Tap something; what comes of it is shown."""
        self._ask(f"/actions/{name}", body)

    def request(self, kind: str, **body: Any) -> str:
        """Ask something of an open session; the answer's HTML."""
        return self._ask("/requests", {"kind": kind, **body})

    def _follow(self) -> None:
        with (
            suppress(OSError, HTTPException),  # the terminal ended or was killed
            urllib.request.urlopen(f"{self._address}/events", timeout=_SILENT_S) as events,  # noqa: S310
        ):
            for line in events:
                if line.startswith(b"data: "):
                    self.shown.append(json.loads(line[6:])["stage"])

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> str:
        headers = {"Content-Type": "application/json", "X-Kiosk-Token": self._token}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, headers=headers)  # noqa: S310 (our own loopback page)
        try:
            with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"the page answers {path} with {error.code}") from error


class BadgeReader:
    """A serial badge reader: `device` is for [badge], `hold` puts a badge before it."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.device = os.ttyname(self._theirs)

    def hold(self, code: str) -> None:
        """The reader types the code and a return."""
        os.write(self._ours, f"{code}\r".encode())

    def close(self) -> None:
        """Unplug it."""
        os.close(self._ours)
        os.close(self._theirs)
