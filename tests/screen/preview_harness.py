"""A process of its own that serves a screen: for what can only be shown of a whole process.

`handed-over`: takes its socket as systemd hands it over, until stdin ends. `preview`: serves thirty
frames and reads them, unable to write a byte to any file; `preview FILE` tries to.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable

import cv2
import numpy as np

from kiosk.indicators import Signal
from kiosk.notices import Notices
from kiosk.screen.server import loopback_socket, open_screen
from kiosk.screen.view import View
from kiosk.settings import ScreenSection

NOTICES = Notices(punches_days=730)
_FRAMES = 30


def handed_over() -> None:
    """Serve on file descriptor 3, named by systemd's variables."""
    os.dup2(int(os.environ["SCREEN_FD"]), 3)
    environment = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "x"}
    listening = loopback_socket(1, environment)
    assert environment == {}, "no child of ours takes the socket for its own"
    socket.socket.__init__ = _restricted(socket.socket.__init__)  # type: ignore[method-assign]
    with open_screen(ScreenSection(enabled=True), "UTC", NOTICES, listening):
        sys.stdin.read()


def _restricted(make: Callable[..., None]) -> Callable[..., None]:
    """As `RestrictAddressFamilies=AF_UNIX AF_NETLINK`: no socket of the internet can be made."""

    def init(
        self: socket.socket,
        family: int = -1,
        kind: int = -1,
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        if fileno is None and family not in (socket.AF_UNIX, socket.AF_NETLINK):
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        make(self, family, kind, proto, fileno)

    return init


def preview(written: str | None) -> None:
    """Read frames of the preview while no file can grow."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    section = ScreenSection(enabled=True, preview_fps=30)
    with open_screen(section, "UTC", NOTICES, loopback_socket(0, {})) as served:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        served.hub.show(View(signal=Signal.SEEN))
        image = np.full((480, 640, 3), 90, dtype=np.uint8)
        if written is not None:
            cv2.imwrite(written, image)
        served.hub.frame(image, ())
        with urllib.request.urlopen(f"{served.address}preview", timeout=20) as stream:  # noqa: S310
            for n in range(_FRAMES):
                part = b""
                while b"\xff\xd9\r\n--frame" not in part:  # a JPEG's end
                    part += stream.read1()
                served.hub.frame(np.full((480, 640, 3), n, dtype=np.uint8), ())
        os.write(1, f"frames {_FRAMES}\n".encode())


if __name__ == "__main__":
    if sys.argv[1] == "handed-over":
        handed_over()
    else:
        preview(sys.argv[2] if len(sys.argv) > 2 else None)
