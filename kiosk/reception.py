"""What people do with their hands, as events of the state machine.

Badges, PINs and numbers are checked here, once; what does not hold is an event as well. When the
gallery cannot be read nobody can be known, and that is said as a fault of the terminal.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk.clock import Clock
from kiosk.credentials import Credentials, Known
from kiosk.panel import Action, Badged, Declared, Typed
from kiosk.stores import Stores
from kiosk.visit import Claimed, Declares, Denied, Did, Event, Refusal


class Reception:
    """Of one terminal; `knows` says whether a person's face can be compared here."""

    def __init__(self, stores: Stores, clock: Clock, knows: Callable[[str], bool]) -> None:
        self._gallery, self._credentials = stores.gallery, Credentials(stores)
        self._clock, self._knows = clock, knows

    def event(self, action: Action, at_s: float) -> Event:
        """The event of an action; raises `StoreError` where the gallery cannot be read."""
        match action:
            case Badged() | Typed():
                found = self._credentials.check(action, self._clock.now())
                if isinstance(found, Known):
                    return Claimed(at_s, found.person, found.method, self._knows(found.person))
                return Denied(at_s, Refusal(found.reason.value), found.wait_s)
            case Declared(number):
                person = self._gallery.person(number)
                if person is None or person.status == "left":
                    return Denied(at_s, Refusal.UNKNOWN_NUMBER)
                return Declares(at_s, person.number)
            case _:
                return Did(at_s, action)
