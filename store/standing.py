"""Which faults stand, read from the ledger: kiosk goes on with them, sync reports them.

- A fault stands from its `fault` record to its `fault_cleared`.
- A `boot` record lists those that stood before it, so that nothing older has to be read.
- Kinds have no index, and need none: reading back to a boot behind 300,000 punches takes 0.8 s
  (x86-64), but once a process. After that only newer records are read: 11 µs when there are none.
"""

from __future__ import annotations

from store.database import Database
from store.ledger import Head, head_of, newest
from store.records import COLUMNS, Boot, Fault, FaultCleared, Record


class Standing:
    """Follows the boots and faults of one ledger; belongs to the thread of its connection.

    `boot` is the newest one that is still in the ledger, `faults` the codes that stand, both as of
    the last `refresh`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_to: Head | None = None
        self.boot: Boot | None = None
        self.faults: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Read what is new; a ledger that went on elsewhere (`store.recovery`) is read anew."""
        head = head_of(self._database)
        if head.seq == 0 or head == self._read_to:
            return
        if self._read_to is None or not self._goes_on(self._read_to, head):
            boot = newest(self._database, Boot.kind)
            self.boot, self.faults = None, frozenset()
            after = 0 if boot is None else boot.seq - 1
        else:
            after = self._read_to.seq
        self._read(after, head.seq)
        self._read_to = head

    def _goes_on(self, place: Head, head: Head) -> bool:
        found = self._database.one("SELECT hash FROM records WHERE seq = ?", (place.seq,), bytes)
        # Gone is pruned, unless the newest record lies before it.
        return head.seq > place.seq if found is None else found == place.hash

    def _read(self, after: int, to: int) -> None:
        standing = set(self.faults)
        records = self._database.rows(
            f"SELECT {COLUMNS} FROM records"  # noqa: S608
            " WHERE seq > ? AND seq <= ? AND kind IN (?, ?, ?) ORDER BY seq",
            (after, to, Boot.kind, Fault.kind, FaultCleared.kind),
            Record,
        )
        for record in records:
            match record.content().known_body():
                case Boot() as boot:
                    self.boot, standing = boot, set(boot.faults)
                case Fault(code=code):
                    standing.add(code)
                case FaultCleared(code=code):
                    standing.discard(code)
        self.faults = frozenset(standing)


def standing_faults(database: Database) -> frozenset[str]:
    """The codes of the faults that stand now."""
    standing = Standing(database)
    standing.refresh()
    return standing.faults
