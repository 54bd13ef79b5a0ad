"""The daemon: frames in, punches on disk, lamps on.

The presentation machine decides, this module acts. It alone reads the clock, and everything here
runs on one thread, which owns the database connections.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from kiosk.cameras import Camera, Frame
from kiosk.clock import Clock
from kiosk.errors import CameraError
from kiosk.identity import IdentityReader
from kiosk.indicators import PATTERNS, Indicator, Signal
from kiosk.log import complain, say
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.presentation import step
from kiosk.served import ServedPeople
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, putting_off
from kiosk.upkeep import Upkeep
from kiosk.visit import (
    Begin,
    Claimed,
    Committed,
    Effect,
    Event,
    Left,
    Method,
    Nobody,
    NotCommitted,
    Phase,
    Punch,
    Reject,
    Repeat,
    Rules,
    Seen,
    Show,
    State,
    When,
)
from kiosk.watchman import CAMERA_LOST, CAMERA_UNAVAILABLE, Watchman
from recognizer.challenge import ChallengeLimits, Side, read_turn
from recognizer.decision import Decision, DecisionPolicy, Verdict
from recognizer.errors import ImageError
from recognizer.pipeline import Evidence, Recognizer
from store import records
from store.errors import UnsoundDatabaseError
from store.machine import Health

_INBOX_EVERY_S = 0.5
_BAD_FRAMES = 15  # in a row, one second at the default rate: the camera is at fault, not a frame
_FAR_BEYOND = 100.0  # two decades past the measured FMR the tail's shape is a belief, not a bound
_FRAMES_KEPT = 60  # evidence of one visit; more than the policy ever reads


class Door:
    """One terminal at work.

    `policy_for` gives the decision policy for a gallery of so many templates,
    `verification_for` the 1:1 threshold for somebody of so many. `stopping` ends the run after the
    frame in hand, `station.restart` with the first frame at which nobody is being served.
    `health` is how the machine is, now; without it this machine is looked at.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        eyes: Recognizer,
        policy_for: Callable[[int], DecisionPolicy],
        indicator: Indicator,
        clock: Clock,
        stopping: threading.Event,
        verification_for: Callable[[int], float],
        reader: IdentityReader,
        station: Station | None = None,
        health: Callable[[], Health] | None = None,
    ) -> None:
        self._station = station or Station(settings, Overrides(settings))
        self._stores, self._eyes, self._policy_for = stores, eyes, policy_for
        self._indicator, self._clock, self._stopping = indicator, clock, stopping
        self._verification_for, self._reader = verification_for, reader
        d = settings.decision
        self._rules = Rules(
            *(d.patience_s, d.gone_s, d.show_s, d.retry_s, d.repeat_s),
            ask_badge=reader.present,
            challenge=When(settings.pad.challenge),
            low_live=settings.pad.challenge_low_live,
            low_score=settings.pad.challenge_low_score,
            limits=ChallengeLimits(time_s=settings.pad.challenge_s),
        )
        self._challenges = self._rules.challenge is not When.NEVER
        self._state = State()
        self._evidence: list[Evidence] = []
        self._usable_since: float | None = None
        self._bad_frames = self._bad_in_a_row = 0
        self._gallery_version = -1
        self._extrapolating = False
        self._inbox_due = 0.0
        self._people = ServedPeople(stores, eyes.model_digest)
        self._protection = self._people.protection
        self._upkeep = Upkeep(stores, eyes.model_digest, adapt=settings.templates.adapt)
        self._policy: DecisionPolicy
        self._watchman = Watchman(settings, stores, health)

    def run(self, camera: Camera) -> None:
        """Serve people until the camera ends or `stopping` is set.

        A camera that is lost leaves a fault in the ledger and raises `CameraError`. A database that
        cannot be gone on with raises `UnsoundDatabaseError`: the next start sets it aside.
        """
        self._indicator.show(Signal.IDLE)
        self._refresh()
        say("ready")
        self._station.overrides.ready()
        try:
            for n, frame in enumerate(camera.frames()):
                if self._stopping.is_set():
                    break
                if n == 0:
                    self._camera_works()
                self._refresh()
                if self._station.restart and self._state.phase is Phase.IDLE:
                    break
                self._serve(frame)
        except CameraError:
            self._indicator.show(Signal.FAULT)
            self._watchman.report(CAMERA_LOST, True, self._clock.now())
            raise
        except UnsoundDatabaseError:
            self._indicator.show(Signal.FAULT)
            raise

    def _camera_works(self) -> None:
        for code in (CAMERA_LOST, CAMERA_UNAVAILABLE):
            self._watchman.report(code, False, self._clock.now())

    def _refresh(self) -> None:
        """Take up changes of the gallery at once, and what headquarters ordered twice a second."""
        version = self._stores.gallery.version()
        if version != self._gallery_version:
            self._gallery_version = version
            if self._people.refresh():
                templates = len(self._people.matcher)
                self._policy = self._policy_for(templates)
                self._say_threshold(templates)
            if self._people.protection is not self._protection:
                self._protection = self._people.protection
                self._evidence = []  # it is in the form of a key that is no more
        if time.monotonic() >= self._inbox_due:
            self._inbox_due = time.monotonic() + _INBOX_EVERY_S
            self._do_chores()

    def _say_threshold(self, templates: int) -> None:
        """Say the threshold, and loudly when hardly anything measured bears it.

        Nobody is locked out for it: a gallery that grew must not stop the door.
        """
        p, far = self._policy, self._policy.beyond > _FAR_BEYOND
        value, beyond = round(p.threshold, 4), round(p.beyond, 1)
        say("threshold", n=templates, value=value, extrapolated=p.beyond > 1, beyond=beyond)
        if far and not self._extrapolating:
            mend = "kiosk models calibrate DIR, with photos of more people"
            complain("threshold_extrapolated", beyond=beyond, mend=mend)
        now = self._clock.now()
        self._watchman.report("threshold_extrapolated", far, now, f"n={templates}")
        self._extrapolating = far

    def _do_chores(self) -> None:
        """What waits in notes and inbox; a full or busy disk leaves it for the next time."""
        self._watchman.look(self._clock.now())
        with putting_off("chores_put_off"):
            self._stores.register.settle()
            obey(self._stores, self._station, self._clock.now())

    def _serve(self, frame: Frame) -> None:
        arrived = time.monotonic()
        for read in self._reader.claims():
            self._feed(Claimed(frame.at_s, read.person, read.method))
        served = frozenset(s.track for s in self._state.served)
        try:
            look = self._eyes.look(frame.image, frame.at_s, served)
        except ImageError as error:
            self._skip(frame, error)
            return
        self._bad_in_a_row = 0
        self._watchman.good_frame()
        if look.subject is None:
            self._feed(Nobody(frame.at_s))
            return
        subject = self._protection.evidence(look.subject)
        if subject.track != self._state.track:
            self._usable_since = None
        own = [e for e in self._evidence if e.track == subject.track]  # never two people's
        self._evidence = [*own, subject][-_FRAMES_KEPT:]
        if subject.quality.reason is None and self._usable_since is None:
            self._usable_since = arrived
        claim = self._state.claim if subject.track == self._state.track else None
        matcher = self._people.matcher
        if claim is None:
            decision = self._policy.decide(self._evidence, matcher)
        else:
            at = self._verification_for(matcher.templates_of(claim))
            decision = self._policy.verify(self._evidence, matcher, claim, at)
        visible = frozenset(face.track for face in look.faces)
        self._feed(
            Seen(
                at_s=frame.at_s,
                track=subject.track,
                decision=decision,
                visible=visible,
                claim=claim,
                turn=read_turn(subject.face.landmarks) if self._challenges else None,
                live=subject.live,
                side=secrets.choice(list(Side)),
            )
        )

    def _skip(self, frame: Frame, error: ImageError) -> None:
        """A frame that is no picture shows nobody; many in a row are one fault in the ledger."""
        self._bad_frames += 1
        self._bad_in_a_row += 1
        if self._bad_in_a_row in (1, _BAD_FRAMES):
            why = str(error)
            complain("frame_skipped", in_a_row=self._bad_in_a_row, total=self._bad_frames, why=why)
        if self._bad_in_a_row == _BAD_FRAMES:
            self._watchman.bad_frames(self._clock.now())
        self._feed(Nobody(frame.at_s))

    def _feed(self, event: Event) -> None:
        self._state, effects = step(self._state, event, self._rules)
        for effect in effects:
            self._perform(effect, event.at_s)

    def _perform(self, effect: Effect, at_s: float) -> None:
        match effect:
            case Show(signal, hint):
                self._indicator.show(signal)
                pattern = str(PATTERNS[signal])
                say("signal", signal=signal.value, pattern=pattern, hint=hint and hint.hint)
            case Begin():
                self._begin()
            case Punch(decision, method):
                self._punch(decision, method, at_s)
            case Repeat(decision):
                self._report("already recorded", decision)
            case Left(hint):
                say("presentation", decision="left", hint=hint.value if hint else None)
            case Reject(reason, decision):
                self._append(records.Rejection(reason=reason, frames=decision.frames))
                if reason == Verdict.ATTACK.value:
                    self._watchman.attack(self._clock.now())
                self._report(reason, decision)

    def _begin(self) -> None:
        self._evidence, self._usable_since = self._evidence[-1:], None

    def _punch(self, decision: Decision, method: Method, at_s: float) -> None:
        if decision.person is None:
            raise ValueError("an accepted decision names a person")
        punch = records.Punch(
            person=decision.person,
            method=method,
            direction=None,
            score_millionths=round(decision.score * 1e6),
            margin_millionths=round(decision.margin * 1e6),
            frames=decision.frames,
            model=self._eyes.model_digest,
            latency_ms=self._waited_ms(),
        )
        record = self._append(punch)
        if record is None:
            self._feed(NotCommitted(at_s))
            return
        self._feed(Committed(at_s))
        self._report("accept", decision, seq=record.seq)
        self._upkeep.after_punch(
            decision, self._evidence, self._policy.threshold, self._protection, self._clock.now()
        )

    def _append(self, body: records.Body) -> records.Record | None:
        now = self._clock.now()
        self._watchman.keep_time(now)
        with putting_off("not_recorded", kind=type(body).__name__):
            return self._stores.ledger.append(body, now)
        return None

    def _report(self, outcome: str, decision: Decision, seq: int | None = None) -> None:
        say(
            "presentation",
            decision=outcome,
            score=round(decision.score, 3),
            margin=round(decision.margin, 3),
            frames=decision.frames,
            ms=self._waited_ms(),
            seq=seq,
        )

    def _waited_ms(self) -> int:
        """From the first usable frame of this visit until now; 0 when there was none."""
        since = self._usable_since
        return 0 if since is None else round((time.monotonic() - since) * 1000)
