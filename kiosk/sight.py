"""What the terminal sees: frames in, events for the state machine out.

It gathers the frames of whoever is being looked at, never two people's, asks the decision policy
about them, and keeps in step with the gallery. It belongs to the daemon's thread.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from kiosk.cameras import Frame
from kiosk.clock import Clock
from kiosk.log import complain, say
from kiosk.served import ServedPeople
from kiosk.settings import Settings
from kiosk.stores import Stores
from kiosk.upkeep import Upkeep
from kiosk.visit import Nobody, Phase, Seen, State
from kiosk.watchman import Watchman
from recognizer.challenge import Side, read_turn
from recognizer.decision import Decision, DecisionPolicy
from recognizer.errors import ImageError
from recognizer.idle import IdleGate
from recognizer.pipeline import Evidence, Look, Recognizer
from recognizer.tracker import TrackedFace

_BAD_FRAMES = 15  # in a row, one second at the default rate: the camera is at fault, not a frame
_FAR_BEYOND = 100.0  # two decades past the measured FMR the tail's shape is a belief, not a bound
_FRAMES_KEPT = 60  # evidence of one visit; more than the policy ever reads


class Sight:
    """The recogniser at one door.

    `policy_for` gives the decision policy for a gallery of so many templates,
    `verification_for` the 1:1 threshold for somebody of so many.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        eyes: Recognizer,
        policy_for: Callable[[int], DecisionPolicy],
        verification_for: Callable[[int], float],
        clock: Clock,
        watchman: Watchman,
    ) -> None:
        self._eyes, self._policy_for, self._verification_for = eyes, policy_for, verification_for
        self._clock, self._watchman = clock, watchman
        self._gate = IdleGate() if settings.recognition.idle else None
        self._challenges = settings.pad.challenge != "never"
        self._evidence: list[Evidence] = []
        self._usable_since: float | None = None
        self._bad_frames = self._bad_in_a_row = 0
        self._extrapolating = False
        self._people = ServedPeople(stores, eyes.model_digest)
        self._protection = self._people.protection
        self._upkeep = Upkeep(stores, eyes.model_digest, adapt=settings.templates.adapt)
        self._policy: DecisionPolicy
        self.faces: tuple[TrackedFace, ...] = ()

    @property
    def model(self) -> str:
        """The embedder's SHA-256."""
        return self._eyes.model_digest

    def tell_subject(self, tell: Callable[[int, float], None]) -> None:
        """Call `tell` with track and instant as soon as a face is found, before it is judged."""
        self._eyes.on_subject = tell

    def refresh(self) -> None:
        """Take up a change of the gallery; raises `StoreError`."""
        if self._people.refresh():
            templates = len(self._people.matcher)
            self._policy = self._policy_for(templates)
            self._say_threshold(templates)
        if self._people.protection is not self._protection:
            self._protection = self._people.protection
            self._evidence = []  # it is in the form of a key that is no more

    def knows(self, person: str) -> bool:
        """Whether there are templates to compare this person's face with."""
        return self._people.matcher.templates_of(person) > 0

    def look(self, frame: Frame, served: frozenset[int] = frozenset()) -> Look | None:
        """What a frame shows; None where it is no picture. Nobody where nothing is new."""
        try:
            if self._gate is not None and not self._gate.wakes(frame.image, frame.at_s):
                look = Look((), None)
            else:
                look = self._eyes.look(frame.image, frame.at_s, served)
                if self._gate is not None:
                    self._gate.saw(bool(look.faces))
        except ImageError as error:
            self.faces = ()
            self._skip(error)
            return None
        self.faces = look.faces
        self._bad_in_a_row = 0
        self._watchman.good_frame()
        return look

    def see(self, frame: Frame, state: State) -> Seen | Nobody:
        """What a frame says, in the light of whom the state looks at."""
        arrived = time.monotonic()
        served = {s.track for s in state.served}
        if state.phase in (Phase.LOOKING, Phase.CHALLENGED):  # turned down, and now with a badge
            served.discard(state.track)
        look = self.look(frame, frozenset(served))
        if look is None or look.subject is None:
            return Nobody(frame.at_s)
        subject = self._protection.evidence(look.subject)
        if subject.track != state.track:
            self._usable_since = None
        own = [e for e in self._evidence if e.track == subject.track]  # never two people's
        self._evidence = [*own, subject][-_FRAMES_KEPT:]
        if subject.quality.reason is None and self._usable_since is None:
            self._usable_since = arrived
        claim = state.claim if subject.track == state.track else None
        return Seen(
            at_s=frame.at_s,
            track=subject.track,
            decision=self._decide(claim),
            visible=frozenset(face.track for face in look.faces),
            claim=claim,
            turn=read_turn(subject.face.landmarks) if self._challenges else None,
            live=subject.live,
            side=secrets.choice(list(Side)),
        )

    def begin(self) -> None:
        """Gather anew, from the newest frame on."""
        self._evidence, self._usable_since = self._evidence[-1:], None

    def waited_ms(self) -> int:
        """From the first usable frame of this visit until now; 0 when there was none."""
        since = self._usable_since
        return 0 if since is None else round((time.monotonic() - since) * 1000)

    def after_punch(self, decision: Decision) -> None:
        """What an accepted presentation says about its person's templates."""
        self._upkeep.after_punch(
            decision, self._evidence, self._policy.threshold, self._protection, self._clock.now()
        )

    def _decide(self, claim: str | None) -> Decision:
        matcher = self._people.matcher
        if claim is None:
            return self._policy.decide(self._evidence, matcher)
        at = self._verification_for(matcher.templates_of(claim))
        return self._policy.verify(self._evidence, matcher, claim, at)

    def _skip(self, error: ImageError) -> None:
        """A frame that is no picture shows nobody; many in a row are one fault in the ledger."""
        self._bad_frames += 1
        self._bad_in_a_row += 1
        if self._bad_in_a_row in (1, _BAD_FRAMES):
            why = str(error)
            complain("frame_skipped", in_a_row=self._bad_in_a_row, total=self._bad_frames, why=why)
        if self._bad_in_a_row == _BAD_FRAMES:
            self._watchman.bad_frames(self._clock.now())

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
