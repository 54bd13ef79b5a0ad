"""Keeps watch beside the door: clock, disk, heat, power, certificates, attacks, camera.

`kiosk.watch` and `kiosk.timekeeper` decide, this writes the records. A fault is one `fault` record
when it begins and one `fault_cleared` when it ends, also across restarts: what stood is read from
the ledger. What cannot be written (a full disk) is logged and tried again at the next look; a
database that cannot be gone on with ends the daemon. Belongs to the daemon's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta

from kiosk.log import complain, say
from kiosk.settings import Settings
from kiosk.stores import Stores, putting_off
from kiosk.timekeeper import Timekeeper
from kiosk.watch import Change, Limits, Readings, Watch
from store.certificates import certificate_in_use, expiry
from store.machine import Health, read_health
from store.records import Body, Fault, FaultCleared, Instant
from store.standing import standing_faults

CAMERA_LOST, CAMERA_UNAVAILABLE = "camera_lost", "camera_unavailable"
MODELS_UNAVAILABLE = "models_unavailable"
_NS = 1_000_000_000


class Watchman:
    """One terminal's watch; `health` is how the machine is, now.

    `readers_lost` names the readers that cannot be read now; None where there are none.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        health: Callable[[], Health] | None = None,
        readers_lost: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        part = settings.status
        self._stores = stores
        self._health = health or (lambda: read_health(settings.store.directory))
        self._readers_lost = readers_lost
        self._directory, self._mqtt = settings.store.directory, settings.mqtt
        self._every_ns = round(part.watch_every_s * _NS)
        self._window_ns = round(part.attack_minutes * 60 * _NS)
        self._due_ns: int | None = None
        self._attacks: deque[int] = deque()
        self._frames_bad: bool | None = None
        self._standing = set(standing_faults(stores.ledger_db))
        self._timekeeper = Timekeeper(stores.ledger)
        limits = Limits(part.disk_low_mb * 1_000_000, part.temperature_high_c, part.attack_streak)
        self._watch = Watch(limits, self._standing)

    def keep_time(self, now: Instant) -> None:
        """Write what is owed of the clock; to be called before a record is appended."""
        correction = None
        with putting_off("not_recorded", kind="TimeCorrection"):
            correction = self._timekeeper.look(now)
        if correction is not None:
            say("clock", reason=correction.reason, offset_ms=correction.offset_ms)

    def look(self, now: Instant) -> None:
        """Look at everything when it is time again."""
        self.keep_time(now)
        if self._due_ns is not None and now.monotonic_ns < self._due_ns:
            return
        self._due_ns = now.monotonic_ns + self._every_ns
        for change in self._watch.look(self._read(now), now.monotonic_ns / _NS):
            self._write(change, now)

    def attack(self, now: Instant) -> None:
        """A presentation was turned down as an attack: a streak of them is seen at once."""
        self._attacks.append(now.monotonic_ns)
        self._due_ns = None
        self.look(now)

    def bad_frames(self, now: Instant) -> None:
        """Many frames in a row were no pictures.

        Looked at at once, so that a camera that comes and goes is one fault until it stayed well
        for `SETTLE_S`.
        """
        self._frames_bad, self._due_ns = True, None
        self.look(now)

    def good_frame(self) -> None:
        """A frame was a picture."""
        self._frames_bad = False

    def report(self, code: str, wrong: bool, now: Instant, detail: str = "") -> None:
        """A fault that the daemon itself notices stands, or does not: written when it changes."""
        if wrong == (code in self._standing):
            return
        body = Fault(code=code, detail=detail) if wrong else FaultCleared(code=code)
        if self._append(body, now):
            (self._standing.add if wrong else self._standing.discard)(code)

    def _read(self, now: Instant) -> Readings:
        while self._attacks and self._attacks[0] <= now.monotonic_ns - self._window_ns:
            self._attacks.popleft()
        health = self._health()
        held = True if now.synchronised else None
        if self._timekeeper.ever_synchronised and not now.synchronised:
            held = False
        mine = self._mqtt.certificate
        if mine is not None:
            mine = certificate_in_use(self._directory, mine)
        expires = [at for at in map(expiry, (mine, self._mqtt.ca)) if at is not None]
        days = None
        if expires and now.synchronised:
            days = (min(expires) - now.utc) / timedelta(days=1)
        return Readings(
            disk_free=health.disk_free,
            temperature_c=health.temperature_c,
            power=health.power,
            clock_held=held,
            expires_days=days,
            attacks=len(self._attacks),
            frames_bad=self._frames_bad,
            readers_lost=None if self._readers_lost is None else self._readers_lost(),
            foreign_badges=self._stores.credentials.foreign(self._stores.badge_key),
        )

    def _write(self, change: Change, now: Instant) -> None:
        code = change.code.value
        body = Fault(code=code, detail=change.detail) if change.begins else FaultCleared(code=code)
        if self._append(body, now):
            self._watch.changed(change)

    def _append(self, body: Body, now: Instant) -> bool:
        record = None
        with putting_off("not_recorded", kind=type(body).__name__):
            record = self._stores.ledger.append(body, now)
        if record is None:
            return False
        if isinstance(body, Fault):
            complain("fault", code=body.code, detail=body.detail)
        elif isinstance(body, FaultCleared):
            say("fault_cleared", code=body.code)
        return True
