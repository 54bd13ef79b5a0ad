"""A real mosquitto on a free loopback port, for demonstrations and tests.

Rules:
- One TLS listener (1.2 or newer) that requires a client certificate; there is no plain listener.
- The certificate's common name is the user name. A terminal's is `SITE/TERMINAL`, so the pattern
  `kiosk/v1/%u/events` gives it its own topics and no other's. `hq` reads what terminals write and
  writes receipts and commands; `watch` reads everything (for `mosquitto_sub`).
- Only the process that `start` made is ever signalled, by its own id.
- Ready means: a TCP connection is taken. Waiting is bounded.
- The port is chosen once, so a restarted broker is found again where it was.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

from morning.pki import Credentials
from morning.server import Server

_WITHIN_S = 10.0

# The ready files for operators are the ones that run here.
READY = Path(__file__).resolve().parents[2] / "docs" / "broker"


class BrokerError(RuntimeError):
    """mosquitto is missing, or did not start; the message says which."""


def find_mosquitto() -> Path | None:
    """Where mosquitto is, also when /usr/sbin is not on the PATH; None when it is not installed."""
    found = shutil.which(
        "mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    )
    return Path(found) if found else None


def free_port() -> int:
    """A loopback TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker(Server):
    """mosquitto in a folder of its own: `start`, `stop`, `kill`, `forget`, and again."""

    def __init__(self, directory: Path, server: Credentials, port: int | None = None) -> None:
        self.directory = directory
        self.port = port if port is not None else free_port()
        self.log = directory / "mosquitto.log"
        self.crl: Path | None = None  # headquarters' list of revoked certificates, if there is one
        self._state = directory / "state"
        self._server = server
        super().__init__(
            "mosquitto", BrokerError, (directory / "mosquitto.err", self.log), _WITHIN_S
        )

    def start(self) -> None:
        """Start it and wait until it takes connections; raises BrokerError with the log's end."""
        if self._process is not None:
            raise BrokerError("the broker is running already")
        program = find_mosquitto()
        if program is None:
            raise BrokerError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        self._state.mkdir(parents=True, exist_ok=True)
        configuration = self._write_configuration()
        self._launch(
            [str(program), "-c", str(configuration)],
            lambda: socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close(),
            OSError,
        )

    def stop(self) -> None:
        """End it politely; it saves its state. Nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def forget(self) -> None:
        """Delete its saved sessions and retained messages (only while it is not running)."""
        if self._process is not None:
            raise BrokerError("stop the broker before its state is deleted")
        shutil.rmtree(self._state, ignore_errors=True)

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _write_configuration(self) -> Path:
        access = self.directory / "access.conf"
        access.write_bytes((READY / "acl").read_bytes())
        access.chmod(0o600)
        own = {
            "listener": f"{self.port} 127.0.0.1",
            "cafile": self._server.ca,
            "certfile": self._server.certificate,
            "keyfile": self._server.key,
            "acl_file": access,
            "persistence_location": f"{self._state}/",
            "autosave_interval": 1,
            "log_dest": f"file {self.log}",
        }
        # Started as root it would drop to its own user before it reads its 0600 key.
        lines = ["user root"] if os.geteuid() == 0 else []
        for line in (READY / "mosquitto.conf").read_text(encoding="utf-8").splitlines():
            word = line.partition(" ")[0]
            lines.append(f"{word} {own.pop(word)}" if word in own else line)
        if self.crl is not None:
            lines.append(f"crlfile {self.crl}")
        if own:
            raise BrokerError(f"docs/broker/mosquitto.conf lacks {', '.join(own)}")
        configuration = self.directory / "mosquitto.conf"
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return configuration
