"""A guided enrolment under way: the machine of `kiosk.guided` bound to this terminal's stores.

Whoever has the camera (the command line, or the door's thread for the screen) feeds it and shows
its `progress`; nothing waits and nothing sleeps. It belongs to the thread of the stores.

    guide = Guide(settings, stores, eyes, policy_for, one_person, clock, newcomer)
    show(guide.text.text)                    # in the person's language; then, when they agree:
    guide.agree(guide.text.version, "read on the screen and confirmed")
    guide.identified("document")             # by the enroller
    for frame in camera.frames():
        progress = guide.see(eyes.look(frame.image, frame.at_s), frame.at_s)
        show(progress)                       # step, pose, hint, part, frames, seconds left
        if progress.ended:
            break
    guide.cancel()                           # at any time before the end; nothing is kept
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kiosk.ceremony import (
    ENDED,
    Cancelled,
    Check,
    Checked,
    Consented,
    Event,
    Failed,
    Identified,
    Looked,
    PassedOver,
    Refusal,
    Rules,
    Step,
    Store,
    Stored,
)
from kiosk.clock import Clock
from kiosk.enrolment import (
    Applicant,
    IdentityCheck,
    Limits,
    Plan,
    enroller,
    keep,
    plan_for,
)
from kiosk.errors import EnrolmentRefusedError
from kiosk.guided import begin, step
from kiosk.poses import Hint, Pose
from kiosk.settings import Settings
from kiosk.stores import Stores
from kiosk.trial import with_margin
from recognizer.coverage import Sample
from recognizer.decision import DecisionPolicy
from recognizer.pipeline import Look
from recognizer.quality import Reason
from recognizer.tracker import TrackerSettings
from store.people import bounded_text, shown_name
from store.records import person_number

_LEAST_FACE_PX = TrackerSettings().min_subject_px  # narrower ones only pass by


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to be enrolled, or enrolled again, and the enroller's number (`enroller`)."""

    number: str
    name: str
    language: str
    by: str | None = None
    witness: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a screen shows. `part` is 0..1, `seconds_left` None before the first pose.

    `pose` is None outside of the poses, `refusal` None unless the step is REFUSED, `trial` the
    score and `templates` the count of a step that is DONE.
    """

    step: Step
    pose: Pose | None
    hint: Hint | Reason | None
    part: float
    frames: int
    needed: int
    seconds_left: float | None
    refusal: Refusal | None = None
    trial: float | None = None
    templates: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.step in ENDED


class Guide:
    """One enrolment, from consent to stored templates or to nothing.

    `policy_for` gives the door's policy for so many templates, `one_person` is the 1:1 cosine.
    Raises `EnrolmentRefusedError` at once for an enroller without the role, PAD that is off where
    the settings want it, or somebody who is blocked or has left, and `InvalidValueError` for an odd
    number, name or language. Poses in `without` are not asked for.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        model: str,
        policy_for: Callable[[int], DecisionPolicy],
        one_person: float,
        clock: Clock,
        newcomer: Newcomer,
        *,
        without: frozenset[Pose] = frozenset(),
    ) -> None:
        self._stores, self._model, self._policy_for = stores, model, policy_for
        self._clock, self._newcomer = clock, newcomer
        number = person_number(newcomer.number)
        shown_name(newcomer.name)
        bounded_text("a language", newcomer.language, 35)
        self._by = enroller(stores.gallery, newcomer.by)
        _refuse_inactive(stores, number)
        self._live = settings.pad.mode == "on"
        if settings.enrolment.require_pad and not self._live:
            raise EnrolmentRefusedError(
                "pad_off",
                'enrolment at the camera needs [pad] mode = "on"; [enrolment] require_pad = false '
                "allows it without, and a photo that is held up could be enrolled then",
            )
        self.text = stores.notices.of(newcomer.language)
        poses = tuple(pose for pose in Pose if pose is Pose.FRONT or pose not in without)
        self._rules = Rules(
            number,
            self.text.version,
            self.text.digest,
            one_person,
            live=self._live,
            time_s=settings.enrolment.time_s,
            poses=poses,
        )
        self._state = begin(self._rules)
        self._samples: tuple[Sample, ...] = ()
        self._frames = self._templates = 0

    @property
    def by(self) -> str | None:
        """The enroller's number that the record will name; None while nobody has the role."""
        return self._by

    @property
    def progress(self) -> Progress:
        """How it stands."""
        state, rules = self._state, self._rules
        taking = state.step is Step.POSES
        whole = max(rules.each * len(rules.poses), rules.least)
        part = min(self._frames / whole, 1.0) * 0.9  # the trial is the last tenth
        left = None
        if state.began_s is not None:
            left = max(0.0, rules.time_s - (state.at_s - state.began_s))
        return Progress(
            state.step,
            state.poses[0] if taking else None,
            state.hint,
            1.0 if state.step is Step.DONE else part,
            self._frames,
            whole,
            left,
            state.refusal,
            state.score,
            self._templates,
        )

    def agree(self, version: str, how: str) -> None:
        """The person agreed to the text of that version; `how` goes into the record.

        Raises `IllegalEventError` for another text than `text`, or out of turn.
        """
        digest = self.text.digest if version == self.text.version else ""
        self._feed(Consented(version, digest, how))

    def identified(self, check: IdentityCheck) -> None:
        """The enroller made sure who the person is. Raises `IllegalEventError` out of turn."""
        self._feed(Identified(check))

    def see(self, look: Look, at_s: float) -> Progress:
        """A frame, at seconds of the camera's clock; after the last one, how it ended.

        Raises `StoreError` when the databases cannot be read or written; nothing is stored then.
        """
        faces = sum(tracked.face.box[2] >= _LEAST_FACE_PX for tracked in look.faces)
        subject = None
        if look.subject is not None:
            subject = self._stores.protection.evidence(look.subject)
        self._feed(Looked(at_s, faces, subject))
        return self.progress

    def pass_over(self) -> None:
        """The person cannot take the present pose. Raises `IllegalEventError` for the front."""
        self._feed(PassedOver())

    def cancel(self) -> None:
        """End it; nothing is kept. After the end it changes nothing."""
        if self._state.step not in ENDED:
            self._feed(Cancelled())

    def _feed(self, event: Event) -> None:
        self._state, effects = step(self._state, event, self._rules)
        self._frames = len(self._state.taken) or self._frames
        for effect in effects:
            match effect:
                case Check():
                    self._samples = effect.samples
                    self._try(self._check)
                case Store():
                    self._try(partial(self._store, effect.score))
                case _:
                    self._samples, self._frames = (), 0

    def _try(self, work: Callable[[], Event]) -> None:
        """Do it and tell the machine how it went; what is no refusal is told and passes on."""
        try:
            event = work()
        except EnrolmentRefusedError as error:
            event = Failed(error.reason, str(error))
        except BaseException:  # the store's errors, and Ctrl-C
            self._feed(Failed("not_stored", "it was broken off; nothing is kept"))
            raise
        self._feed(event)

    def _check(self) -> Event:
        plan = self._plan()
        return Checked(plan.matcher, with_margin(self._policy_for(len(plan.matcher))))

    def _store(self, score: float) -> Event:
        """Plan once more and store, in one transaction: the gallery may have changed meanwhile."""
        with self._stores.register.together():
            plan = self._plan()
            applicant, now = self._applicant(), self._clock.now()
            keep(
                *(self._stores, self._model, applicant, self.text, plan, now),
                live=self._live,
                trial=score,
            )
        self._templates = len(plan.new) + len(plan.old)
        self._samples = ()
        return Stored()

    def _plan(self) -> Plan:
        there = self._stores.templates.count(self._model)
        limits = Limits(self._rules.one_person, self._policy_for(there + len(self._samples)))
        return plan_for(self._stores, self._model, self._applicant(), self._samples, limits)

    def _applicant(self) -> Applicant:
        state, new = self._state, self._newcomer
        how = state.consent or ""
        return Applicant(
            self._rules.person, new.name, new.language, how, new.witness, self._by, state.identity
        )


def _refuse_inactive(stores: Stores, number: str) -> None:
    person = stores.gallery.person(number)
    if person is not None and person.status != "active":
        raise EnrolmentRefusedError(
            "not_active",
            f"number {number} is {person.status} here; `kiosk people unblock {number}` first",
        )
