"""A TCP proxy that listens in and misbehaves on demand.

What it can do to the line, at any moment and to every connection:
`delay_s` (each piece waits up to that long), `bytes_per_s` (a slow line), `stall` (nothing moves
for now), `half_open` (nothing will ever move on the connections that there are, nobody is told),
`refuse` (new connections are closed at once), `cut_after` (after so many bytes, in the middle of
whatever it is, both ends are reset), `double_next` (a piece is sent twice, which TLS must notice),
`cut` (every connection, now). `seen` is everything that went through, both ways.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from random import Random

_PIECE = 4096
_SLICE_S = 0.02
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends a reset


class Proxy:
    """Listens on a free loopback `port` and connects to `target`."""

    def __init__(self, target: int, random: Random) -> None:
        self.target = target
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.stall = False
        self.refuse = False
        self.cut_after: int | None = None
        self.double_next = False
        self.seen = bytearray()
        self._random = random
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._dead: set[socket.socket] = set()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """Behave again (open connections stay)."""
        self.delay_s = 0.0
        self.bytes_per_s = None
        self.stall = False
        self.refuse = False
        self.cut_after = None
        self.double_next = False

    def half_open(self) -> None:
        """What is connected stays so and hears nothing any more; new connections work."""
        with self._lock:
            self._dead.update(end for pair in self._pairs for end in pair)

    def cut(self) -> None:
        """Reset every connection, now."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _reset(end)

    def close(self) -> None:
        """End."""
        self._closed = True
        # Closing alone does not wake a blocked accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse or self._closed:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                with self._lock:
                    self.seen += piece
                    if source in self._dead:
                        continue
                if not self._pass_on(piece, sink):
                    break
        for end in (source, sink):
            _reset(end)

    def _pass_on(self, piece: bytes, sink: socket.socket) -> bool:
        """Send it, late or broken as wanted; False when the connection is to be cut."""
        while self.stall and not self._closed:
            time.sleep(_SLICE_S)
        if self.delay_s:
            time.sleep(self._random.uniform(0, self.delay_s))
        if self.double_next:
            self.double_next = False
            piece += piece
        if self.cut_after is not None:
            self.cut_after -= len(piece)
            if self.cut_after <= 0:
                sink.sendall(piece[: max(0, len(piece) + self.cut_after)])
                self.cut_after = None
                return False
        rate = self.bytes_per_s
        if rate is None:
            sink.sendall(piece)
            return True
        step = max(1, int(rate * _SLICE_S))
        for at in range(0, len(piece), step):
            sink.sendall(piece[at : at + step])
            time.sleep(_SLICE_S if self.bytes_per_s else 0)
        return True


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    # The other pump may sit in recv on this socket: only a shutdown wakes it.
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
