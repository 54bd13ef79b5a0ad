"""The server's thread and its socket.

The socket is a loopback one: handed over by systemd (`systemd/kiosk-screen.socket`), for the
process has no network of its own, or else opened here on 127.0.0.1. Anything else is refused. The
thread is a daemon thread: a page that is still open holds nothing up.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from kiosk.errors import ScreenError
from kiosk.log import complain, say
from kiosk.notices import Notices
from kiosk.screen.app import Site, build
from kiosk.screen.hub import Hub
from kiosk.settings import ScreenSection
from kiosk.words import Language, languages

_FIRST_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
_ENDING_S = 3.0  # the grace that uvicorn has is one second


@dataclass(frozen=True, slots=True)
class Served:
    """A screen that runs: what the door uses, and the page's address."""

    hub: Hub
    address: str


@contextmanager
def open_screen(
    section: ScreenSection,
    zone: str,
    notices: Notices,
    listening: socket.socket,
    spoken: Mapping[str, Language] | None = None,
) -> Iterator[Served]:
    """Serve the page on `listening` (of `loopback_socket`) until the block ends."""
    port = listening.getsockname()[1]
    hub = Hub()
    site = Site(
        hub,
        dict(spoken or languages()),
        notices,
        language=section.language,
        token=secrets.token_urlsafe(32),
        zone=zone,
        idle_s=section.idle_s,
        preview_fps=section.preview_fps,
    )
    config = uvicorn.Config(
        build(site, port),
        log_config=None,
        log_level="critical",  # its own words on an error have the error's text in them
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=_run, args=(server, listening, hub, site), name="screen", daemon=True
    )
    thread.start()
    address = f"http://127.0.0.1:{port}/"
    say("screen", address=address)
    try:
        yield Served(hub, address)
    finally:
        server.should_exit = True
        thread.join(_ENDING_S)


def _run(server: uvicorn.Server, listening: socket.socket, hub: Hub, site: Site) -> None:
    async def serve() -> None:
        hub.attach(asyncio.get_running_loop())
        ending = asyncio.create_task(_end_with(server, hub, site))
        try:
            await server.serve(sockets=[listening])
        finally:
            hub.attach(None)
            ending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ending

    try:
        asyncio.run(serve())
    except Exception as error:  # noqa: BLE001 (the door goes on without its screen, and says so)
        complain("screen_lost", error=type(error).__name__)


async def _end_with(server: uvicorn.Server, hub: Hub, site: Site) -> None:
    """Ends the streams when the server is told to end: it waits for them."""
    while not server.should_exit:
        await asyncio.sleep(0.1)
    site.ending = True
    hub.end()


def loopback_socket(port: int, environment: MutableMapping[str, str] = os.environ) -> socket.socket:
    """The socket to listen on: systemd's, else our own on 127.0.0.1; raises `ScreenError`.

    systemd's variables are taken out of `environment`: no child of ours is meant by them.
    """
    count = environment.pop("LISTEN_FDS", "0")
    meant = environment.pop("LISTEN_PID", "") == str(os.getpid())
    environment.pop("LISTEN_FDNAMES", None)
    if meant and count != "0":
        if count != "1":
            raise ScreenError(f"systemd handed over {count} sockets; kiosk-screen.socket has one")
        os.set_inheritable(_FIRST_FD, False)
        return checked(socket.socket(fileno=_FIRST_FD))
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(16)
    except OSError as error:
        listening.close()
        raise ScreenError(
            f"the screen cannot listen on 127.0.0.1:{port} ({error.strerror}); free the port or "
            "set [screen] port"
        ) from error
    return checked(listening)


def checked(listening: socket.socket) -> socket.socket:
    """The same socket, when it listens on a loopback address; raises `ScreenError`."""
    address = listening.getsockname()
    is_tcp = listening.family in (socket.AF_INET, socket.AF_INET6)
    if not is_tcp or not ipaddress.ip_address(address[0]).is_loopback:
        listening.close()
        where = address[0] if is_tcp else "no TCP address"
        raise ScreenError(
            f"the screen's socket is on {where}; it must be a loopback one: set "
            "ListenStream=127.0.0.1:8470 in kiosk-screen.socket"
        )
    return listening
