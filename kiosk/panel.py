"""What people do at the terminal besides showing their face: buttons, keypad, reader and screen.

- An action is a value; who makes it does not matter. The door takes all of them in their order,
  once a frame, and waits for none.
- Numbers, PINs and badge codes in here are in no log and in no `repr`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from store.records import Direction


class Intent(Enum):
    """What the next identification is for."""

    PUNCH = "a punch"
    UNDO = "taking the last punch back"
    RECORDS = "seeing one's own records"
    STAFF = "what a role may do: enrol, supervise"


@dataclass(frozen=True, slots=True)
class Chose:
    """A direction was chosen, for this or the next punch."""

    direction: Direction


@dataclass(frozen=True, slots=True)
class UndoAsked:
    """The last punch is to be taken back; the same person must identify once more."""


@dataclass(frozen=True, slots=True)
class Badged:
    """A badge was held to the reader: its raw code."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Typed:
    """A number and a PIN were typed."""

    number: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Declared:
    """Somebody who forgot badge and PIN says to be this number; headquarters must approve."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The next identification is for this."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Agreed:
    """The notice of that version, which was asked about, is accepted."""

    version: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The notice that was asked about is not accepted, or a question is put aside."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Whoever sees their records, or works in a role, is done."""


Action = Chose | UndoAsked | Badged | Typed | Declared | Wanted | Agreed | Declined | Closed


class Panel(Protocol):
    """Buttons, keypads, readers, the screen: whatever gives actions."""

    @property
    def identifies(self) -> bool:
        """Whether somebody can identify here without a face: a reader, a keypad, a screen."""

    @property
    def lost(self) -> tuple[str, ...]:
        """Which of its readers cannot be read now."""

    def actions(self) -> Sequence[Action]:
        """What was done since the last call, oldest first; returns at once."""


class Panels:
    """Several panels as one."""

    def __init__(self, *panels: Panel) -> None:
        self._panels = panels

    @property
    def identifies(self) -> bool:
        """Whether one of them does."""
        return any(panel.identifies for panel in self._panels)

    @property
    def lost(self) -> tuple[str, ...]:
        """What any of them cannot read."""
        return tuple(name for panel in self._panels for name in panel.lost)

    def actions(self) -> Sequence[Action]:
        """What was done at any of them."""
        return [action for panel in self._panels for action in panel.actions()]


class NoPanel:
    """A terminal with nothing to touch."""

    @property
    def identifies(self) -> bool:
        """Never."""
        return False

    @property
    def lost(self) -> tuple[str, ...]:
        """None."""
        return ()

    def actions(self) -> Sequence[Action]:
        """Never any."""
        return ()


class StandInPanel:
    """A panel without hardware: `do` an action; `history` keeps what was taken."""

    def __init__(self) -> None:
        self.history: list[Action] = []
        self._waiting: list[Action] = []

    @property
    def identifies(self) -> bool:
        """Always."""
        return True

    @property
    def lost(self) -> tuple[str, ...]:
        """None."""
        return ()

    def do(self, *actions: Action) -> None:
        """Somebody does these, one after the other."""
        self._waiting += actions

    def actions(self) -> Sequence[Action]:
        """What was done since the last call."""
        taken, self._waiting = self._waiting, []
        self.history += taken
        return taken
