"""The real programs of the system on one machine, in a folder of their own.

mosquitto with TLS, `kiosk-hq run`, `kiosk-sync run` and `kiosk run`, each a process; `Stage` makes
keys, certificates and settings, starts them in order and stops them in reverse. Every process is
ended by its own id.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

from morning.broker import Broker
from morning.pki import Authority, Credentials
from morning.server import end

SITE, TERMINAL = "plant-1", "gate-a"
STOP_WITHIN_S = 10.0
Line = dict[str, Any]
Listener = Callable[[str, Line], None]


class StageError(RuntimeError):
    """One of the programs failed; the message has its last words."""


@dataclass
class Running:
    """A program of ours: its name, its process, and what it said last on stderr."""

    name: str
    process: subprocess.Popen[str]
    words: list[str] = field(default_factory=list)

    def stop(self) -> int:
        """SIGTERM, and the exit code; SIGKILL when that takes too long."""
        return end(self.process, signal.SIGTERM, STOP_WITHIN_S)


class Stage:
    """Everything that runs, in `folder`; `hear` is called with each JSON line a program says.

    `camera` and `pad` are the [camera] table and [pad] mode of the terminal's settings. `programs`
    says how one of ours is started, where it is not the one beside this Python.
    """

    def __init__(
        self,
        folder: Path,
        weights: Path,
        now: datetime,
        camera: dict[str, str | int | float],
        pad: str = "on",
        hear: Listener | None = None,
        programs: Callable[[str], list[str]] | None = None,
    ) -> None:
        self.folder = folder
        self._program = programs or program
        self.config = folder / "kiosk.toml"
        self.hq_config = folder / "hq.toml"
        self._hear = hear or (lambda _name, _line: None)
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        authority = Authority(folder / "pki", now)
        self.watcher = authority.client("watch", now)
        self._terminal_tls = authority.client(f"{SITE}/{TERMINAL}", now)
        self._hq_tls = authority.client("hq", now)
        (folder / "broker").mkdir(exist_ok=True)
        self.broker = Broker(folder / "broker", authority.server(now))
        self._write_settings(weights, camera, pad)

    def prepare(self) -> None:
        """Keys on both sides, and headquarters told the terminal's public key."""
        self.run("hq", "keys", "create", str(self.folder / "hq-keys"))
        self.run("kiosk", "keys", "create")
        public = self.folder / "keys" / "signing.pub"
        self.run("hq", "terminals", "add", SITE, TERMINAL, str(public))

    def start(self, name: str, config: Path | None = None) -> Running:
        """Start "hq", "sync" or "kiosk" as a daemon, with another settings file if one is given."""
        running = Running(
            name,
            subprocess.Popen(
                [*self._program(name), "run", "--config", str(config or self._config_of(name))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ),
        )
        self._stack.callback(self._in_thread(lambda: self._listen(running)).join, STOP_WITHIN_S)
        self._stack.callback(running.stop)
        return running

    def run(self, name: str, *words: str) -> str:
        """Run one command of a program to its end; raises `StageError` with what it said."""
        done = subprocess.run(
            [*self._program(name), *words, *self._config_words(name, words)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StageError(f"{name} {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def ask(self, name: str, *words: str) -> Any:
        """Run one command with --json and parse its answer."""
        return json.loads(self.run(name, *words, "--json"))

    def follow(self, each: Callable[[Line], None], name: str, *words: str) -> None:
        """Run a command that prints a JSON object a line, until `close`; `each` gets them."""
        process = subprocess.Popen(
            [*self._program(name), *words, *self._config_words(name, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

        def listen() -> None:
            if process.stdout is not None:
                with process.stdout:
                    for text in process.stdout:
                        each(json.loads(text))

        self._stack.callback(self._in_thread(listen).join, STOP_WITHIN_S)
        self._stack.callback(Running(name, process).stop)

    def close(self) -> None:
        """Stop what was started, last first."""
        self._stack.close()
        self.broker.stop()

    @staticmethod
    def _in_thread(work: Callable[[], None]) -> Thread:
        thread = Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _listen(self, running: Running) -> None:
        stream = running.process.stderr
        if stream is None:
            return
        with stream:
            for text in stream:
                running.words = [*running.words, text.rstrip()][-20:]
                try:
                    line = json.loads(text)
                except json.JSONDecodeError:
                    line = {"event": "said", "text": text.rstrip()}
                self._hear(running.name, line)

    def _config_of(self, name: str) -> Path:
        return self.hq_config if name == "hq" else self.config

    def _config_words(self, name: str, words: tuple[str, ...]) -> list[str]:
        if name == "hq" and words[:1] == ("keys",):
            return []
        return ["--config", str(self._config_of(name))]

    def _write_settings(
        self, weights: Path, camera: dict[str, str | int | float], pad: str
    ) -> None:
        mqtt = _mqtt(self.broker.port, self._terminal_tls)
        table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in camera.items())
        (self.folder / "data").mkdir(exist_ok=True)
        self.config.write_text(
            f"""\
[terminal]
site = "{SITE}"
name = "{TERMINAL}"
zone = "Europe/Berlin"

[store]
directory = "data"
keys = "keys"

[hq]
public_key = "hq-keys/hq.pub"

{mqtt}
[camera]
{table}

[recognition]
weights = {json.dumps(str(weights.resolve()))}

[pad]
mode = "{pad}"

[enrolment]
require_pad = {"true" if pad == "on" else "false"}

[indicators]
pins = "mock"
""",
            encoding="utf-8",
        )
        self.hq_config.write_text(
            f"""\
{_mqtt(self.broker.port, self._hq_tls)}
[database]
url = "sqlite:///{self.folder / "hq.db"}"

[hq]
signing_key = "hq-keys/hq.key"
""",
            encoding="utf-8",
        )


def _mqtt(port: int, tls: Credentials) -> str:
    return f"""\
[mqtt]
host = "127.0.0.1"
port = {port}
ca = "{tls.ca}"
certificate = "{tls.certificate}"
key = "{tls.key}"
"""


def program(name: str) -> list[str]:
    """How a program of ours is started."""
    script = {"hq": "kiosk-hq", "sync": "kiosk-sync", "kiosk": "kiosk"}[name]
    return [str(Path(sys.executable).parent / script)]
