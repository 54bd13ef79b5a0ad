"""Latency as a person feels it: from the face's entering the picture to green, the commit included.

The real door (`kiosk.assembly`) with the real recogniser and PAD, 1,000 other templates, SQLCipher
databases in a folder of the disk to be measured and gpiozero's mock pins. Only camera and clock are
models (`benchmarks.queueing`). Between two people a minute passes, so that nobody is a repeat and
the idle gate sleeps when the next one comes.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.arrivals import STANDS_S, Arrival, arrivals
from benchmarks.queueing import ModelledCamera, Work
from benchmarks.start import fill, terminal
from benchmarks.timing import Report, machine, timing
from kiosk.assembly import assemble
from kiosk.cameras import Frame
from kiosk.clerk import Clerk
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.indicators import GpioIndicator, Signal
from kiosk.panel import NoPanel
from kiosk.settings import Settings, load
from kiosk.stores import Stores, open_stores
from kiosk.visit import Committed, Declare, Punch, TakeBack, Written
from morning.cast import Person, portrait
from morning.walkup import Image
from recognizer.pipeline import Look, Recognizer
from store.records import Instant
from store.register import Agreement

_OTHERS = 1_000
_PAUSE_S = 90.0  # longer than [decision] repeat_s
_SETTLE_S = 4.0  # after its first frame, a little more than the idle gate takes to fall asleep
_ROOM_S = 0.3  # the empty place, before somebody comes


@dataclass(frozen=True, slots=True)
class Walked:
    """One walk-up; instants in virtual seconds, None where it did not happen."""

    enters_s: float
    detected_s: float | None
    green_s: float | None
    right: bool
    refused_first: bool
    looked_at: int
    dropped: int
    computing_s: float
    writing_s: float


class Walks:
    """The door's source and clock: people one after the other, each until green or they give up."""

    def __init__(
        self, people: Sequence[Arrival], camera: ModelledCamera, work: Work, min_face_px: float
    ) -> None:
        self._people, self._camera, self._work = people, camera, work
        self._min_face_px = min_face_px
        self._detected_s: float | None = None
        self._green_s: float | None = None
        self._spent_s = 0.0
        self._refused = False
        self.written: str | None = None
        self.done: list[Walked] = []

    def now(self) -> Instant:
        """The virtual clock."""
        s = self._camera.now()
        utc = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=s)
        ns = int(s * 1e9) + 1
        return Instant(
            utc=utc, zone="UTC", boot="b", monotonic_ns=ns, synchronised=True, error_ms=1
        )

    def found(self, at_s: float) -> None:
        """A face was found in the frame of that instant."""
        if self._detected_s is None:
            self._detected_s = at_s

    def green(self) -> None:
        """The green lamp is on."""
        if self._green_s is None:
            self._green_s, self._spent_s = self._camera.now(), self._work.spent()

    def red(self) -> None:
        """The red lamp is on: they are turned down, and tried again after it."""
        self._refused = True

    def frames(self) -> Iterator[Frame]:
        """All of them."""
        for n, arrival in enumerate(self._people):
            yield from self._one(arrival, np.random.default_rng(n))

    def _one(self, arrival: Arrival, rng: np.random.Generator) -> Iterator[Frame]:
        camera, work = self._camera, self._work
        begin = camera.now() + _PAUSE_S + _ROOM_S

        def picture(at_s: float) -> Image:
            return arrival.picture(at_s - begin, rng)

        camera.rest(_PAUSE_S - _SETTLE_S)
        yield from camera.frames(picture, camera.now() + 1 / camera.fps)  # the place is a new one
        camera.rest(begin - _ROOM_S - camera.now())
        yield from camera.frames(picture, begin)
        self._detected_s = self._green_s = self.written = None
        self._refused = False
        end_s = begin + arrival.walk_s + STANDS_S
        instants = camera.instants(begin, end_s)
        enters_s = next(s for s in instants if arrival.servable(s - begin, self._min_face_px))
        looked_at, last_s, computing_s, writing_s = 0, enters_s, 0.0, 0.0
        for frame in camera.frames(picture, end_s):
            spent_s, wrote_s = work.spent(), work.writing_s
            yield frame
            if frame.at_s >= enters_s:
                looked_at, last_s = looked_at + 1, frame.at_s
                wrote_s = work.writing_s - wrote_s
                until_s = work.spent() if self._green_s is None else self._spent_s
                computing_s += until_s - spent_s - wrote_s
                writing_s += wrote_s
            if self._green_s is not None:
                break
        dropped = round((last_s - enters_s) * camera.fps) + 1 - looked_at
        self.done.append(
            Walked(
                enters_s=enters_s,
                detected_s=self._detected_s,
                green_s=self._green_s,
                right=self.written == arrival.person,
                refused_first=self._refused,
                looked_at=looked_at,
                dropped=max(0, dropped),
                computing_s=computing_s,
                writing_s=writing_s,
            )
        )


def measure(
    weights: Path,
    cast: Sequence[Person],
    rates: Sequence[int],
    walks: int,
    clock: Literal["cpu", "wall"],
    slower: float,
    folder: Path | None,
) -> Report:
    """So many walk-ups at each frame rate; raises `RuntimeError` when nobody got green at one."""
    how = "this machine" if slower == 1 else f"a MODEL: computing {slower:g} times as slow"
    conditions = {
        "clock": clock,
        "speed": how,
        "walk-ups a rate": walks,
        "other templates": _OTHERS,
        "OpenCV threads": cv2.getNumThreads(),
    }
    report = Report("walkup", {**conditions, **machine()})
    people = arrivals(cast, walks, seed=1)
    for fps in rates:
        with tempfile.TemporaryDirectory(prefix="kiosk-walkup-", dir=folder) as name:
            work = Work(clock, slower)
            done = walked(Path(name), weights, cast, people, fps, work)
        _tell(report, fps, done)
    return report


def walked(
    folder: Path,
    weights: Path,
    cast: Sequence[Person],
    people: Sequence[Arrival],
    fps: float,
    work: Work,
) -> list[Walked]:
    """The people at the real door of a new terminal in that folder, one after the other."""
    (folder / "pictures").mkdir()  # the settings name it; nothing reads it
    config = terminal(folder, weights)
    fill(config, _OTHERS)
    settings = load(config)
    eyes = open_eyes(settings)
    camera = ModelledCamera(fps, work.spent)
    walks = Walks(people, camera, work, settings.recognition.min_face_px)
    indicator = _Lamps(settings, walks)
    with open_stores(settings) as stores, _watched(eyes, walks, work):
        _enrol(cast, stores, eyes, walks.now())
        door = assemble(
            settings,
            stores,
            eyes,
            policy_for(settings, eyes),
            verification_for(settings, eyes),
            indicator,
            NoPanel(),
            walks,
            threading.Event(),
        )
        door.run(walks)
    indicator.close()
    return walks.done


class _Lamps(GpioIndicator):
    """On mock pins; tells when the green or the red lamp is on."""

    def __init__(self, settings: Settings, walks: Walks) -> None:
        super().__init__(settings.indicators, walks)
        self._walks = walks

    def show(self, signal: Signal) -> None:
        """Show it first."""
        super().show(signal)
        if self.patterns[signal].lamp == "green":
            self._walks.green()
        elif self.patterns[signal].lamp == "red":
            self._walks.red()


@contextmanager
def _watched(eyes: Recognizer, walks: Walks, work: Work) -> Iterator[None]:
    """Meanwhile the walks hear of faces that are found and of punches that are written."""
    look, write = eyes.look, Clerk.write

    def looking(
        image: NDArray[np.uint8], at_s: float, served: frozenset[int] = frozenset()
    ) -> Look:
        seen = look(image, at_s, served)
        if seen.faces:
            walks.found(at_s)
        return seen

    def writing(
        self: Clerk, effect: Punch | TakeBack | Declare, at_s: float, now: Instant, ms: int
    ) -> Written:
        with work.writing():
            written = write(self, effect, at_s, now, ms)
        if isinstance(effect, Punch) and isinstance(written, Committed):
            walks.written = effect.who.person
        return written

    eyes.look = looking  # type: ignore[method-assign]
    Clerk.write = writing  # type: ignore[method-assign]
    try:
        yield
    finally:
        eyes.look = look  # type: ignore[method-assign]
        Clerk.write = write  # type: ignore[method-assign]


def _enrol(cast: Sequence[Person], stores: Stores, eyes: Recognizer, at: Instant) -> None:
    """Those who have a number, each by the photograph that they walk up with."""
    agreement = Agreement(stores.notices.version, "0" * 64, "form")
    for person in cast:
        if person.number is None:
            continue
        (photo,) = eyes.embed_photo(portrait(person.walks[0]))
        if photo.embedding is None:
            raise RuntimeError(f"{person.number} cannot be enrolled: {photo.quality.reason}")
        template = (stores.protection.apply(photo.embedding), 900_000, at)
        stores.register.enrol(
            person.number,
            person.name,
            "en",
            agreement,
            eyes.model_digest,
            [template],
            at,
            protection=stores.protection.id,
        )


def _tell(report: Report, fps: int, done: Sequence[Walked]) -> None:
    served = [(w, w.green_s) for w in done if w.green_s is not None]
    if not served:
        raise RuntimeError(f"nobody of {len(done)} got green at {fps} frames a second")
    large = np.array([green_s - w.enters_s for w, green_s in served])
    found = np.array([green_s - w.detected_s for w, green_s in served if w.detected_s is not None])
    report.timings[f"{fps}/s: large enough and inside, to green"] = timing(large)
    report.timings[f"{fps}/s: first detected, to green"] = timing(found)
    at_once = [large[i] for i, (w, _) in enumerate(served) if not w.refused_first]
    if at_once:
        name = f"{fps}/s: large enough and inside, to green as the first answer"
        report.timings[name] = timing(np.array(at_once))
    computing = np.array([w.computing_s for w, _ in served])
    writing = np.array([w.writing_s for w, _ in served])
    frames = np.percentile(large * fps, (50, 95, 99))
    for name, value in zip(("p50", "p95", "p99"), frames, strict=True):
        report.numbers[f"{fps}/s: to green, in frames of the camera, {name}"] = float(value)
    numbers = {
        "walk-ups": len(done),
        "of them not green": len(done) - len(served),
        "of them turned down first, green then": len(served) - len(at_once),
        "of them green for the wrong person or without a punch": sum(
            not w.right for w, _ in served
        ),
        "frames looked at, median": float(np.median([w.looked_at for w, _ in served])),
        "frames dropped by the camera, all": sum(w.dropped for w, _ in served),
        "of the time to green, mean ms: computing": float(computing.mean() * 1e3),
        "of the time to green, mean ms: writing the punch": float(writing.mean() * 1e3),
        "of the time to green, mean ms: waiting for frames": float(
            (large - computing - writing).mean() * 1e3
        ),
    }
    report.numbers |= {f"{fps}/s: {name}": float(value) for name, value in numbers.items()}
