"""A peer's process, asked over its stdin; what it logs goes to a file of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, cast

from benchmarks.peers.serving import Answer

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class PeerError(Exception):
    """A peer could not be loaded or ended by itself; the text is the last line that it logged."""


class Peer:
    """One running peer. Raises `PeerError` from every method once its process has ended."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        begun = time.perf_counter()
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if self._line() != "ready":
            self.close()
            raise PeerError(f"it said something else than ready: {self._last_words()}")
        self.ready_s = time.perf_counter() - begun

    def enrol(self, pictures: Mapping[str, Sequence[Path]], templates: int) -> list[str]:
        """Fill its gallery; returns the pictures in which it found no face to enrol."""
        named = {number: [str(path) for path in paths] for number, paths in pictures.items()}
        done = self._ask({"do": "enrol", "pictures": named, "templates": templates})
        return cast("list[str]", done["missed"])

    def begin(self) -> None:
        """Another visit."""
        self._ask({"do": "stream"})

    def photo(self, path: Path) -> Answer:
        """Who is in a photo."""
        return cast("Answer", self._ask({"do": "photo", "path": str(path)}))

    def frame(self, path: Path, at_s: float) -> Answer:
        """Who is in a frame of the stream, `at_s` seconds after its begin."""
        return cast("Answer", self._ask({"do": "frame", "path": str(path), "at_s": at_s}))

    def peak_mb(self) -> float:
        """The most that was resident so far."""
        return float(self._ask({"do": "memory"})["peak_mb"])

    def close(self) -> None:
        """End it; it may have ended before."""
        with suppress(BrokenPipeError):
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, order: Mapping[str, object]) -> dict[str, Any]:
        orders = self._process.stdin
        if orders is None:
            raise RuntimeError("the process was started without pipes")
        try:
            orders.write(json.dumps(order) + "\n")
            orders.flush()
        except BrokenPipeError:
            raise PeerError(self._last_words()) from None
        return cast("dict[str, Any]", json.loads(self._line()))

    def _line(self) -> str:
        answers = self._process.stdout
        if answers is None:
            raise RuntimeError("the process was started without pipes")
        line = answers.readline()
        if not line:
            self.close()
            raise PeerError(self._last_words())
        return line.rstrip("\n")

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def environment(root: Path, one_thread: bool) -> dict[str, str]:
    """What a peer's process gets: ours on its path, no network for its downloads, its threads."""
    kept = {name: value for name, value in os.environ.items() if name not in _THREADS}
    # A peer that lacks weights would wait for hosts that are not there: its proxy refuses at once.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    path = os.pathsep.join([str(root / "scripts"), str(root)])
    threads = dict.fromkeys(_THREADS, "1") if one_thread else {}
    return {**kept, **nowhere, **threads, "PYTHONPATH": path, "ORT_DISABLE_TELEMETRY": "1"}
