"""Finding how the networks run fastest here: each question by turns, one after the other.

Rules
- Asked in this order, each with what the ones before chose: which form of each network, intra-op
  threads, arena, provider, OpenCV's threads. What is there already stays unless another way takes
  at least `GAIN` less time: a difference below that is noise, and a thread more costs heat.
- A way whose embedding of the same picture is not the same within `recognizer.derived.SAME` is not
  tried: templates of this terminal go on being compared.
- The embedder is never another network than the settings say.
- No clock and no file of the tuner's own: both come in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from kiosk.doctor.picture import crop
from kiosk.turns import Preferred, Way, prefer
from recognizer.derived import SAME, Opened, Use
from recognizer.errors import ModelError
from recognizer.faces import Face, Vector
from recognizer.opening import Parts, RecognizerSettings, open_parts
from recognizer.session import PLAIN, SessionSettings, providers

GAIN = 0.05
_FRAME = (480, 640, 3)  # [camera]'s default size
_FACE = Face((250.0, 140.0, 140.0, 180.0), np.zeros((5, 2), dtype=np.float32), 0.9)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, what was chosen, the times over that of the first way, and what was not tried."""

    question: str
    preferred: Preferred
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tuned:
    """The choice, and the answers that led to it."""

    session: SessionSettings
    kinds: dict[Use, Opened]
    opencv_threads: int
    answers: tuple[Answer, ...]


class Tuner:
    """Tunes what `settings` describe, with `threads` processors at the most."""

    def __init__(
        self,
        weights: Path,
        settings: RecognizerSettings,
        threads: int,
        rounds: int,
        clock: Callable[[], float],
    ) -> None:
        self._weights, self._threads = weights, threads
        self._rounds, self._clock = rounds, clock
        plain = replace(settings.derived, kinds=dict.fromkeys(get_args(Use), "original"))
        self._settings = replace(settings, derived=plain, session=PLAIN)
        self._frame = np.random.default_rng(0).integers(0, 256, _FRAME, dtype=np.uint8)
        self._embedding = self._embed(self._open())
        self._answers: list[Answer] = []

    def run(self, advance: Callable[[], None]) -> Tuned:
        """All questions; `advance` is called after each. Raises `RecognizerError`."""
        kinds: dict[Use, Opened] = {}
        for use in get_args(Use):
            kinds[use] = self._kind(use, kinds)
            advance()
        self._settings = self._with(kinds=kinds)
        session = self._session("threads", range(1, self._threads + 1), PLAIN)
        advance()
        session = self._session("arena", (True, False), session)
        advance()
        session = self._session("provider", providers(), session)
        advance()
        opencv = self._opencv()
        advance()
        return Tuned(session, kinds, opencv, tuple(self._answers))

    def _kind(self, use: Use, before: dict[Use, Opened]) -> Opened:
        """Of one network, which of the forms that are there."""
        ways, left_out, seen = [], [], set()
        for kind in get_args(Opened):
            parts = self._open(kinds={**before, use: kind})
            marks = tuple(note for note in parts.notes if " runs as " in note)
            if marks in seen:
                continue  # this form is not there, and another one stands in for it
            seen.add(marks)
            if self._strays(parts):
                left_out.append(str(kind))
                continue
            ways.append(Way(kind, lambda p=parts: self._work(p, use)))  # type: ignore[misc]
        return self._ask(use, ways, left_out)  # type: ignore[return-value] # the names are kinds

    def _session(
        self, question: str, values: Iterable[object], before: SessionSettings
    ) -> SessionSettings:
        """All networks of a frame together, with one of the session's settings at each value."""
        tried: dict[str, SessionSettings] = {}
        ways, left_out = [], []
        for value in values:
            name = str(value).lower() if isinstance(value, bool) else str(value)
            tried[name] = replace(before, **{question: value})  # type: ignore[arg-type]
            try:
                parts = self._open(session=tried[name])
                strays = self._strays(parts)
            except ModelError:
                strays = True
            if strays:
                left_out.append(name)
            else:
                ways.append(Way(name, lambda p=parts: self._frame_of(p)))  # type: ignore[misc]
        return tried[self._ask(question, ways, left_out)]

    def _opencv(self) -> int:
        """The detector's threads; how many OpenCV had is the first way, and put back."""
        before = cv2.getNumThreads()
        counts = dict.fromkeys((before, *range(1, self._threads + 1)))
        detector = self._open().detector
        ways = [
            Way(
                str(count),
                lambda: detector.detect(self._frame),
                lambda c=count: self._prepared(c),  # type: ignore[misc]
            )
            for count in counts
        ]
        try:
            return int(self._ask("opencv_threads", ways, []))
        finally:
            cv2.setNumThreads(before)

    def _prepared(self, threads: int) -> None:
        """Let OpenCV start its threads outside of the turn."""
        cv2.setNumThreads(threads)
        cv2.GaussianBlur(self._frame, (0, 0), 1)

    def _ask(self, question: str, ways: list[Way], left_out: list[str]) -> str:
        preferred = prefer(ways, self._rounds, self._clock, GAIN)
        self._answers.append(Answer(question, preferred, tuple(left_out)))
        return preferred.name

    def _work(self, parts: Parts, use: Use) -> None:
        if use == "embedder":
            self._embed(parts)
        elif use == "pad" and parts.pad is not None:
            parts.pad.live(self._frame, _FACE)
        elif use == "confirm" and parts.confirm is not None:
            parts.confirm.score(self._frame, _FACE)

    def _frame_of(self, parts: Parts) -> None:
        for use in get_args(Use):
            self._work(parts, use)

    def _strays(self, parts: Parts) -> bool:
        return bool(np.abs(self._embed(parts) - self._embedding).max() > SAME)

    def _embed(self, parts: Parts) -> Vector:
        return np.asarray(parts.embedder.embed(crop()[None])[0], dtype=np.float32)

    def _with(
        self,
        kinds: dict[Use, Opened] | None = None,
        session: SessionSettings | None = None,
    ) -> RecognizerSettings:
        held = self._settings
        if kinds is not None:
            all_kinds = {**held.derived.kinds, **kinds}
            held = replace(held, derived=replace(held.derived, kinds=all_kinds))
        return held if session is None else replace(held, session=session)

    def _open(
        self,
        kinds: dict[Use, Opened] | None = None,
        session: SessionSettings | None = None,
    ) -> Parts:
        return open_parts(self._weights, self._with(kinds, session))
