"""Lamps and buzzer: each is switched on, and who stands there is asked whether it was so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from kiosk.doctor.finding import Finding, failure, not_checked, ok
from kiosk.errors import IndicatorError
from kiosk.indicators import Indicator, Signal

# A signal for each lamp (kiosk.signals.PATTERNS); the green one sounds.
TRIED = (
    (Signal.ACCEPTED, "the green lamp lit and the buzzer sounded"),
    (Signal.SEEN, "the amber lamp lit"),
    (Signal.FAULT, "the red lamp lit"),
)
Ask = Callable[[str], bool]
"""Puts a question to who stands there."""


def lamps(open_: Callable[[], Indicator], ask: Ask | None, *, assumed: bool = False) -> Finding:
    """Show each and ask. `ask` None: nobody is there; `assumed`: the yes is no person's."""
    name = "lamps and buzzer"
    if ask is None:
        return not_checked(name, "nobody to ask", "on a terminal, or with --assume-yes")
    try:
        with closing(open_()) as indicator:
            not_seen = []
            for signal, what in TRIED:
                indicator.show(signal)
                if not ask(f"Is it so that {what}?"):
                    not_seen.append(what)
    except IndicatorError as error:
        return failure(name, " ".join(str(error).split()), "see the line; then run this again")
    if not_seen:
        return failure(
            name, f"not so: {'; '.join(not_seen)}", "check wiring, resistor and [indicators] pins"
        )
    return ok(name, "pins switched; that they lit was assumed" if assumed else "seen and heard")


def held() -> Finding:
    """While the daemon runs."""
    return not_checked("lamps and buzzer", "in use by the daemon", "`systemctl stop kiosk` first")
