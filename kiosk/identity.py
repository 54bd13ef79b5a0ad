"""Who somebody says they are: badge and PIN readers.

- A claim is a word, not a proof: for a punch by face the face must bear it out, 1:1.
- A claim is given once, by the `claims` call after it came; nobody waits for a reader.
- A terminal without a reader never asks for a badge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Claim:
    """The employee's number that a badge or a PIN stands for."""

    person: str
    method: Literal["badge", "pin"]


class IdentityReader(Protocol):
    """Something that reads badges or PINs."""

    @property
    def present(self) -> bool:
        """Whether there is a reader that people can be asked to use."""

    def claims(self) -> Sequence[Claim]:
        """What was claimed since the last call, oldest first; returns at once."""


class NoReader:
    """A terminal without badge and PIN reader."""

    @property
    def present(self) -> bool:
        """Never."""
        return False

    def claims(self) -> Sequence[Claim]:
        """Never any."""
        return ()


class StandInReader:
    """A reader without hardware: `show` a badge or type a PIN; `history` keeps what was read."""

    def __init__(self) -> None:
        self.history: list[Claim] = []
        self._waiting: list[Claim] = []

    @property
    def present(self) -> bool:
        """Always."""
        return True

    def show(self, claim: Claim) -> None:
        """Somebody holds a badge to the reader, or types a PIN."""
        self._waiting.append(claim)

    def claims(self) -> Sequence[Claim]:
        """What was shown since the last call."""
        read, self._waiting = self._waiting, []
        self.history += read
        return read
