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
import subprocess
import time
from pathlib import Path

from morning.pki import Credentials

READY_WITHIN_S = 10.0
STOP_WITHIN_S = 10.0
POLL_S = 0.02

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


class Broker:
    """mosquitto in a folder of its own: `start`, `stop`, `kill`, `forget`, and again."""

    def __init__(self, directory: Path, server: Credentials, port: int | None = None) -> None:
        self.directory = directory
        self.port = port if port is not None else free_port()
        self.log = directory / "mosquitto.log"
        self._state = directory / "state"
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process, None when it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections; raises BrokerError with the log's end."""
        if self._process is not None:
            raise BrokerError("the broker is running already")
        program = find_mosquitto()
        if program is None:
            raise BrokerError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        self._state.mkdir(parents=True, exist_ok=True)
        configuration = self._write_configuration()
        with (self.directory / "mosquitto.err").open("ab") as errors:
            self._process = subprocess.Popen(
                [str(program), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End it politely; it saves its state. Nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: what it had not saved is gone."""
        self._end(signal.SIGKILL)

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

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_ready(self) -> None:
        assert self._process is not None  # noqa: S101 (start has just set it)
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._process = None
                raise BrokerError(f"mosquitto ended at once: {self._tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        self.kill()
        raise BrokerError(f"mosquitto took no connection in {READY_WITHIN_S} s: {self._tail()}")

    def _tail(self) -> str:
        texts = [
            path.read_text(errors="replace")
            for path in (self.directory / "mosquitto.err", self.log)
            if path.exists()
        ]
        return " | ".join("".join(texts).splitlines()[-5:])

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
        if own:
            raise BrokerError(f"docs/broker/mosquitto.conf lacks {', '.join(own)}")
        configuration = self.directory / "mosquitto.conf"
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return configuration
