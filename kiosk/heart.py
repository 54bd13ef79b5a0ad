"""The daemon's side of an update: it tells that it lives, and ends when asked and nobody is there.

Called from the loop at the door, so a loop that stands still beats no more. Ending is as for an
order of headquarters (`kiosk.station`), with 75, and systemd starts what `current` then points to.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kiosk.log import complain
from kiosk.stores import Stores
from kiosk.update.pulse import ASKED, Pulse
from kiosk.update.settings import UpdateSection
from store.ledger import head_of
from store.records import Instant
from store.standing import Standing

_EVERY_NS = 2_000_000_000
# People come one behind the other; the next of a queue is there within a few seconds.
_QUIET_NS = 30_000_000_000


class Heart:
    """Belongs to the thread of the stores' connections; made once the `boot` record is written."""

    def __init__(self, section: UpdateSection, stores: Stores) -> None:
        self._path, self._asked = section.pulse, section.root / ASKED
        self._stores = stores
        self._standing = Standing(stores.ledger_db)
        self._began = head_of(stores.ledger_db).seq
        self._beat_ns: int | None = None
        self._busy_ns: int | None = None
        self._told = False

    def beat(self, now: Instant, *, idle: bool) -> bool:
        """Beat; returns whether the daemon is asked to end and the door has been quiet."""
        if not idle or self._busy_ns is None:
            self._busy_ns = now.monotonic_ns
        quiet = now.monotonic_ns - self._busy_ns >= _QUIET_NS
        if self._beat_ns is None or now.monotonic_ns - self._beat_ns >= _EVERY_NS:
            self._beat_ns = now.monotonic_ns
            self._write(now, quiet)
        return quiet and self._asked.exists()

    def _write(self, now: Instant, quiet: bool) -> None:
        self._standing.refresh()
        pulse = Pulse(
            program=sys.prefix,
            pid=os.getpid(),
            monotonic_ns=now.monotonic_ns,
            quiet=quiet,
            faults=tuple(sorted(self._standing.faults)),
            began=self._began,
            head=head_of(self._stores.ledger_db).seq,
            receipt=self._stores.delivery.receipt_seq(),
        )
        try:
            _replace(self._path, pulse.model_dump_json().encode())
        except OSError as error:
            if not self._told:  # once: the door goes on, and no update is switched to
                complain("pulse_not_written", path=str(self._path), why=error.strerror)
                self._told = True


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in memory, which need not last; the updater may not pass over modes."""
    aside = path.with_name(f".{path.name}.partial")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.fchmod(handle, 0o644)
        os.write(handle, content)
    finally:
        os.close(handle)
    aside.rename(path)
