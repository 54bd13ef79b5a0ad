"""A server of our own as a child process: started, waited for, ended; again and again.

- Only the process that `launch` made is ever signalled, by its own id.
- Waiting is bounded, and a server that ends at once is told apart from one that does not answer.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_POLL_S = 0.02


def end(process: subprocess.Popen[Any], how: signal.Signals, within_s: float) -> int:
    """End a process of ours, with SIGKILL when that takes too long; its exit code."""
    process.send_signal(how)
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Server:
    """`name` stands in messages, `error` is raised with them; `logs` have its last words.

    It has `within_s` to begin, and to end, each.
    """

    def __init__(
        self, name: str, error: type[Exception], logs: Sequence[Path], within_s: float
    ) -> None:
        self._name, self._error, self._logs, self._within_s = name, error, logs, within_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the running process, None when it does not run."""
        return None if self._process is None else self._process.pid

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def _launch(
        self, words: Sequence[str], answers: Callable[[], object], refuses: type[Exception]
    ) -> None:
        """Start it and wait until `answers` raises no `refuses` any more."""
        with self._logs[0].open("ab") as log:
            self._process = subprocess.Popen(
                list(words), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + self._within_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._process = None
                raise self._error(f"{self._name} ended at once: {self._tail()}")
            try:
                answers()
            except refuses:
                time.sleep(_POLL_S)
            else:
                return
        self.kill()
        raise self._error(f"{self._name} did not answer in {self._within_s} s: {self._tail()}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process, how, self._within_s)

    def _tail(self) -> str:
        texts = [path.read_text(errors="replace") for path in self._logs if path.exists()]
        return " | ".join("".join(texts).splitlines()[-5:])
