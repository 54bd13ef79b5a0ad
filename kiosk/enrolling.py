"""A guided enrolment on the screen: the page asks, the camera's frames go to the guide.

One at a time, in the session of an enroller; the guide (`kiosk.guide`) keeps nothing unless the
trial passed. Belongs to the daemon's thread.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk.cameras import Frame
from kiosk.ceremony import Step
from kiosk.clock import Clock
from kiosk.errors import EnrolmentRefusedError
from kiosk.guide import Guide, Newcomer, Progress
from kiosk.poses import Hint, Pose
from kiosk.presentation import IllegalEventError
from kiosk.screen.requests import Answer, Done, EnrolmentWanted, Refused
from kiosk.screen.view import Enrolment
from kiosk.settings import Settings
from kiosk.sight import Sight
from kiosk.stores import Stores
from recognizer.decision import DecisionPolicy
from recognizer.quality import Reason

_HOW = "read on the terminal's screen and confirmed"


class Enrolling:
    """At one door; `policy_for` and `verification_for` are the door's."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        sight: Sight,
        policy_for: Callable[[int], DecisionPolicy],
        verification_for: Callable[[int], float],
        clock: Clock,
    ) -> None:
        self._settings, self._stores, self._sight, self._clock = settings, stores, sight, clock
        self._policy_for, self._one_person = policy_for, verification_for(1)
        self._guide: Guide | None = None
        self._quality = 0.0

    @property
    def active(self) -> bool:
        """Whether the camera's frames are for an enrolment."""
        return self._guide is not None and not self._guide.progress.ended

    def start(self, wanted: EnrolmentWanted, enroller: str) -> Answer:
        """Begin, after the person agreed on the screen and the enroller saw who it is."""
        self.stop()
        known = self._stores.gallery.person(wanted.number)
        name = wanted.name or (known.name if known else None)
        if name is None:
            return Refused(reason="unknown_person")
        newcomer = Newcomer(wanted.number, name, wanted.language, enroller)
        try:
            guide = Guide(
                self._settings,
                self._stores,
                self._sight.model,
                self._policy_for,
                self._one_person,
                self._clock,
                newcomer,
            )
            guide.agree(wanted.version, _HOW)
        except EnrolmentRefusedError as error:
            return Refused(reason=error.reason)
        except IllegalEventError:
            return Refused(reason="notice_changed")
        guide.identified(wanted.identity_check)
        self._guide, self._quality = guide, 0.0
        return Done()

    def stop(self) -> None:
        """End it, or put its result away."""
        if self._guide is not None:
            self._guide.cancel()
        self._guide = None

    def pass_over(self) -> None:
        """Leave out the pose that is asked for; where none is that can be left out, do nothing."""
        if self._guide is not None and self._guide.progress.pose not in (None, Pose.FRONT):
            self._guide.pass_over()

    def see(self, frame: Frame) -> None:
        """A frame of the camera, while it is `active`."""
        if self._guide is None:
            return
        look = self._sight.look(frame)
        if look is None:  # no picture, so it shows nobody
            return
        self._quality = look.subject.quality.score if look.subject else 0.0
        self._guide.see(look, frame.at_s)

    def shown(self) -> tuple[Enrolment | None, Reason | None]:
        """What the page shows of it, and the hint for the person; None when there is none."""
        if self._guide is None:
            return None, None
        progress = self._guide.progress
        hint = progress.hint if isinstance(progress.hint, Reason) else None
        return _enrolment(progress, self._quality), hint


def _enrolment(progress: Progress, quality: float) -> Enrolment:
    phase = "capture"
    if progress.step is Step.DONE:
        phase = "done"
    elif progress.step in (Step.REFUSED, Step.CANCELLED):
        phase = "refused"
    elif progress.step in (Step.CHECK, Step.TRIAL, Step.STORE):
        phase = "trial"
    refusal = progress.refusal
    return Enrolment.model_validate(
        {
            "phase": phase,
            "pose": progress.pose.value if progress.pose else "front",
            "good": progress.frames,
            "needed": progress.needed,
            "quality": min(max(quality, 0.0), 1.0),
            "refused": refusal.reason if refusal else None,
            "guiding": progress.hint.value if isinstance(progress.hint, Hint) else None,
        }
    )
