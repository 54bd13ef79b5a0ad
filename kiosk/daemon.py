"""The daemon: frames and actions in, punches on disk, lamps on.

The presentation machine decides, `kiosk.performing` acts. This is the loop between them; everything
here runs on one thread, which owns the database connections. "I see you" is shown as soon as a face
is found; the machine, which says the same when the face was judged, is asked beforehand whether it
will.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from kiosk.cameras import Frame
from kiosk.clock import Clock
from kiosk.errors import CameraError
from kiosk.indicators import Signal
from kiosk.log import detail, say
from kiosk.orders import obey
from kiosk.panel import Action, Panel
from kiosk.patience import Tick
from kiosk.performing import Performer
from kiosk.presentation import begins, step
from kiosk.screen.view import Screen
from kiosk.sight import Sight
from kiosk.station import Station
from kiosk.stores import Stores, putting_off
from kiosk.viewing import Viewer
from kiosk.visit import Event, Nobody, Phase, Rules, Show, State, Touched
from kiosk.watchman import CAMERA_LOST, CAMERA_UNAVAILABLE, MODELS_UNAVAILABLE, Watchman
from store.errors import UnsoundDatabaseError
from store.supervisor import Supervisor

_INBOX_EVERY_S = 0.5


class Source(Protocol):
    """Where frames come from, or ticks while there are none."""

    def frames(self) -> Iterator[Frame | Tick]:
        """Until the source ends or is closed; raises `CameraError` when it is lost."""


class Door:
    """One terminal at work; `kiosk.assembly` puts it together.

    `sight` is None where nothing can be recognised: badge and PIN go on. `stopping` ends the run
    after the frame in hand, `station.restart` with the first frame at which nobody is being served.
    `supervisor` hears of progress only: a frame or tick served, an effect (a commit, say) done.
    """

    def __init__(
        self,
        stores: Stores,
        rules: Rules,
        sight: Sight | None,
        panel: Panel,
        reception: Callable[[Action, float], Event],
        performer: Performer,
        watchman: Watchman,
        station: Station,
        clock: Clock,
        stopping: threading.Event,
        screen: Screen,
        viewer: Viewer | None,
        supervisor: Supervisor,
    ) -> None:
        self._stores, self._sight = stores, sight
        self._rules = replace(rules, idle=_idle(blind=sight is None))
        self._panel, self._reception, self._performer = panel, reception, performer
        self._watchman, self._station, self._clock = watchman, station, clock
        self._stopping, self._screen, self._viewer = stopping, screen, viewer
        self._supervisor = supervisor
        self._state = State()
        self._greeted = False
        if sight is not None:
            sight.tell_subject(self._greet)
        self._gallery_version = -1
        self._inbox_due = 0.0

    def run(self, source: Source) -> None:
        """Serve people until the source ends or `stopping` is set.

        A camera that is lost raises `CameraError`; one that is waited for (`kiosk.patience`) does
        not. A database that cannot be gone on with raises `UnsoundDatabaseError`: the next start
        sets it aside.
        """
        self._performer.perform(Show(self._rules.idle), 0.0)
        self._watchman.report(MODELS_UNAVAILABLE, self._sight is None, self._clock.now())
        self._refresh()
        say("ready")
        self._station.overrides.ready()
        self._supervisor.ready()
        try:
            for n, frame in enumerate(source.frames()):
                if self._stopping.is_set():
                    break
                if n == 0 and isinstance(frame, Frame):
                    self._camera_works()
                self._refresh()
                if self._station.restart and self._state.phase is Phase.IDLE:
                    break
                self._serve(frame)
                self._supervisor.progress()
        except CameraError:
            self._performer.perform(Show(Signal.FAULT), 0.0)
            self._watchman.report(CAMERA_LOST, True, self._clock.now())
            raise
        except UnsoundDatabaseError:
            self._performer.perform(Show(Signal.FAULT), 0.0)
            raise

    def camera_lost(self, error: CameraError | None) -> None:
        """A camera that is waited for was lost, or is back (None)."""
        if error is None:
            self._camera_works()
        else:
            detail = type(error).__name__
            self._watchman.report(CAMERA_UNAVAILABLE, True, self._clock.now(), detail)

    def _camera_works(self) -> None:
        for code in (CAMERA_LOST, CAMERA_UNAVAILABLE):
            self._watchman.report(code, False, self._clock.now())

    def _refresh(self) -> None:
        """Take up changes of the gallery at once, and what headquarters ordered twice a second."""
        version = self._stores.gallery.version()
        if version != self._gallery_version:
            self._gallery_version = version
            if self._sight is not None:
                self._sight.refresh()
        if time.monotonic() >= self._inbox_due:
            self._inbox_due = time.monotonic() + _INBOX_EVERY_S
            self._do_chores()

    def _do_chores(self) -> None:
        """What waits in notes and inbox; a full or busy disk leaves it for the next time."""
        self._watchman.look(self._clock.now())
        with putting_off("chores_put_off"):
            if self._viewer is not None:
                self._viewer.keep_link(time.monotonic())
            self._stores.register.settle()
            obey(self._stores, self._station, self._clock.now())
        heart, idle = self._station.heart, self._state.phase is Phase.IDLE
        if heart is not None:
            with putting_off("pulse_put_off"):
                if heart.beat(self._clock.now(), idle=idle):
                    self._station.restart = "update"

    def _serve(self, frame: Frame | Tick) -> None:
        idle = _idle(blind=self._sight is None or isinstance(frame, Tick))
        if idle is not self._rules.idle:
            self._rules = replace(self._rules, idle=idle)
            if self._state.phase is Phase.IDLE:
                self._performer.perform(Show(idle), frame.at_s)
        for action in self._panel.actions():
            self._take(action, frame.at_s)
        office, enrolling = self._performer.office, self._performer.office.enrolling
        with putting_off("request_put_off"):
            self._screen.serve(office)
        if office.touched() or (enrolling is not None and enrolling.active):
            self._feed(Touched(frame.at_s))
        if self._sight is None or isinstance(frame, Tick):
            self._feed(Nobody(frame.at_s))
        elif enrolling is not None and enrolling.active:
            with putting_off("enrolment_broken_off"):
                enrolling.see(frame)
        else:
            self._look(self._sight, frame)
        with putting_off("not_shown"):
            self._show(frame)

    def _take(self, action: Action, at_s: float) -> None:
        """What somebody did; where the gallery cannot be read, that is said and they try again."""
        event = None
        with putting_off("action_put_off", kind=type(action).__name__):
            event = self._reception(action, at_s)
        if event is not None:
            self._feed(event)
        else:
            self._performer.perform(Show(Signal.FAULT), at_s)

    def _look(self, sight: Sight, frame: Frame) -> None:
        before = self._performer.shown
        self._feed(sight.see(frame, self._state))
        if self._greeted:  # it turned out to be somebody who had an answer already
            self._greeted = False
            self._performer.perform(before, frame.at_s)

    def _greet(self, track: int, at_s: float) -> None:
        """Amber within the time of a detection, not of all networks (docs/performance.md)."""
        if begins(self._state, track, at_s, self._rules):
            self._performer.perform(Show(Signal.SEEN), at_s)
            self._greeted = True

    def _show(self, frame: Frame | Tick) -> None:
        if self._viewer is None:
            return
        if self._sight is not None and isinstance(frame, Frame):
            self._screen.frame(frame.image, [face.face for face in self._sight.faces])
        told = self._performer.clerk.told
        self._screen.show(self._viewer.view(self._state, self._performer.shown, told, frame.at_s))

    def _feed(self, event: Event) -> None:
        waiting: list[Event] = [event]
        while waiting:
            before = self._state.phase
            self._state, effects = step(self._state, waiting.pop(), self._rules)
            if self._state.phase is not before:
                detail("phase", phase=self._state.phase.name.lower(), at_s=round(event.at_s, 3))
            for effect in effects:
                if self._greeted and effect == Show(Signal.SEEN):
                    self._greeted = False
                    continue
                written = self._performer.perform(effect, event.at_s)
                self._supervisor.progress()
                if written is not None:
                    waiting.append(written)


def _idle(*, blind: bool) -> Signal:
    return Signal.BADGE_ONLY if blind else Signal.IDLE
