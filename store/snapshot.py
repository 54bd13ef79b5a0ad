"""A copy of ledger and gallery as they were at one instant, while both are being written.

- One instant for both: a change of the gallery becomes a record inside a transaction of the gallery
  (`store.register`), so while its write lock is held no such pair is half done. It is held only
  while both files' read snapshots are taken, a millisecond; punching does not touch it. Copied one
  after the other without this, a withdrawal between the two would be told in the ledger while the
  templates are still in the gallery, or the other way round.
- Nobody waits for the copying: in WAL mode a reader hinders no writer. It would hinder one thing,
  the cutting of the log after a deletion (`store.erasure`), so between parts the copying looks
  whether one waits, makes room, and begins anew; deleted data is thus in no copy.
- The copies are encrypted under the keys given; no page is in clear on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from store.database import Database
from store.erasure import Erasure
from store.errors import DatabaseBusyError

_ATTEMPTS = 20  # deletions in a row; the next day's backup is another chance


@dataclass(frozen=True, slots=True)
class Source:
    """A database to copy: two connections of this thread to it, and where its copy goes."""

    live: Database
    reader: Database
    target: Path
    key: bytes


class _DeletionWaitsError(Exception):
    """The log has to be cut: the snapshot is in its way."""


def copy_pair(ledger: Source, gallery: Source, on_step: Callable[[], None] = lambda: None) -> None:
    """Copy both as of one instant. `on_step` is called after each part.

    Raises what the disk raises, and `DatabaseBusyError` when deletions leave no time to copy.
    """
    for _ in range(_ATTEMPTS):
        _finish_deletions(ledger, gallery)
        try:
            _copy(ledger, gallery, on_step)
            return
        except _DeletionWaitsError:
            continue
        finally:
            # Nothing of a copy that was given up stays; a whole one has no log.
            for source in (ledger, gallery):
                for side in ("-wal", "-shm", "-journal"):
                    source.target.with_name(source.target.name + side).unlink(missing_ok=True)
    raise DatabaseBusyError(f"{ledger.live.path}: deletions left no time to copy it; try again")


def _finish_deletions(*sources: Source) -> None:
    for source in sources:
        source.target.unlink(missing_ok=True)
        if not Erasure(source.live).finish():
            raise DatabaseBusyError(
                f"{source.live.path}: a reader keeps deleted data in its log; try again"
            )


def _copy(ledger: Source, gallery: Source, on_step: Callable[[], None]) -> None:
    erasures = [Erasure(source.live) for source in (ledger, gallery)]

    def step() -> None:
        on_step()
        if any(erasure.pending() for erasure in erasures):
            raise _DeletionWaitsError

    with ExitStack() as stack:
        with gallery.live.transaction():
            stack.enter_context(ledger.reader.reading())
            stack.enter_context(gallery.reader.reading())
        for source in (gallery, ledger):
            source.reader.copy_to(source.target, source.key, step)
