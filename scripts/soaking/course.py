"""What a part of the soak is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from morning.cast import Person
from morning.stage import Line, Listener


@dataclass(frozen=True, slots=True)
class Course:
    """A folder of its own, the weights, who walks up, and how long the load lasts."""

    folder: Path
    weights: Path
    cast: Sequence[Person]
    seconds: float


@dataclass(slots=True)
class Outcome:
    """What was counted and measured, and what went wrong, a line each; good without any."""

    numbers: dict[str, object] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def require(self, holds: bool, failure: str) -> None:
        """Note the failure unless this holds."""
        if not holds:
            self.failures.append(failure)


Part = Callable[[Course], Outcome]
_MISTAKES = frozenset({"internal_error", "message_put_aside", "crashed"})


def mistakes_of(outcome: Outcome) -> Listener:
    """Notes what a daemon must never say as a failure."""

    def hear(program: str, line: Line) -> None:
        if line.get("event") in _MISTAKES:
            outcome.failures.append(f"{program} said {line}")

    return hear
