"""What the screen shows, as one value, and the seam through which the door shows it.

A view says meanings (a signal, a reason, a direction), never words: the server puts them into the
language that the page was asked for. Times are the terminal's local ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from kiosk.indicators import Signal
from kiosk.panel import Intent, NoPanel, Panel
from kiosk.screen.requests import Counter, PunchLine
from kiosk.visit import Refusal
from recognizer.faces import Face, Image
from recognizer.quality import Reason
from store.records import Direction, Method

Pose = Literal["front", "left", "right", "up"]


class _Value(BaseModel):
    """Frozen, and a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Link(_Value):
    """The way to headquarters: whether it stands, and how many records wait for a receipt."""

    online: bool = False
    waiting: int = Field(0, ge=0)


class Session(_Value):
    """Somebody has identified for more than a punch; `rights` are those of `kiosk.roles`."""

    kind: Literal["records", "staff"]
    name: str
    rights: frozenset[str] = frozenset()


class Enrolment(_Value):
    """A guided enrolment that is under way: what is asked of the face, and how far it is.

    `good` of `needed` good frames are there, `quality` is the last one's (0..1). `refused` is a
    code of `kiosk.screen.texts.REFUSALS` when it ended without templates. `guiding` is the value of
    a `kiosk.poses.Hint`: what to say to the face, where it is no matter of quality.
    """

    phase: Literal["capture", "trial", "done", "refused"]
    pose: Pose = "front"
    good: int = Field(0, ge=0)
    needed: int = Field(5, ge=1)
    quality: float = Field(0.0, ge=0, le=1)
    refused: str | None = None
    guiding: str | None = None


class View(_Value):
    """Everything that the page shows of the door.

    `name`, `direction`, `method` and `at` belong to the punch that is answered; `punches` are that
    person's of today. `directions` are those that can be chosen, `chosen` the one that was.
    `undo_s`: so long the punch can be taken back. `wait_s`: so long no badge or PIN is taken.
    `notice`: the version that is asked about.
    """

    signal: Signal = Signal.IDLE
    hint: Reason | None = None
    refusal: Refusal | None = None
    intent: Intent = Intent.PUNCH
    name: str | None = None
    direction: Direction | None = None
    method: Method | None = None
    at: datetime | None = None
    punches: tuple[PunchLine, ...] = ()
    link: Link = Link()
    directions: tuple[Direction, ...] = ()
    chosen: Direction | None = None
    undo_s: int | None = Field(None, ge=0)
    wait_s: int | None = Field(None, ge=0)
    notice: str | None = None
    session: Session | None = None
    enrolment: Enrolment | None = None


class Screen(Panel, Protocol):
    """A panel that shows. All of it is called by the door's thread and returns at once."""

    def show(self, view: View) -> None:
        """Replace what is shown."""

    def frame(self, image: Image, faces: Sequence[Face]) -> None:
        """The newest camera picture, BGR; the screen reads it later, so it must not be changed."""

    def serve(self, counter: Counter) -> None:
        """Have `counter` answer what the page asked since the last call.

        Whatever it raises passes, after the page was told; what was not reached waits.
        """


class NoScreen(NoPanel):
    """A terminal without a screen."""

    def show(self, view: View) -> None:
        """Nobody sees it."""

    def frame(self, image: Image, faces: Sequence[Face]) -> None:
        """Nobody sees it."""

    def serve(self, counter: Counter) -> None:
        """Nobody asks."""
