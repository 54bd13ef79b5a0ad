"""Taking a terminal out of service: ordered, its last record waited for, its certificates revoked.

- Ordered (`leaving_at`), it is received as before until its last record (`decommission`) counts.
  From then on (`left_at`, "erased") no further record of it is taken. What it has sent before is
  still answered with the receipt, which it waits for before it erases itself.
- Given up ("lost"), nothing of it is believed from that instant. The order to erase at once goes
  out all the same, for the case that it still hears.
- With either its certificates are revoked: those that headquarters issued or sent, and those that
  the operator names. The broker turns them away once it has the new list (`hq.issued`).
- The last record, which the terminal signed, and the row here are the proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select

from hq.commands import queue_command
from hq.database import Database
from hq.errors import UnknownTerminalError
from hq.issued import note_certificate, revoke_all
from hq.tables import EVENTS, TERMINALS
from hq.terminals import Known, find, lock
from store.departure import LAST
from sync.contract.topics import Address


def decommission(
    database: Database,
    key: Ed25519PrivateKey,
    address: Address,
    now: datetime,
    expires: datetime,
    *,
    lost: bool,
    certificates: Sequence[str] = (),
) -> int:
    """Order it to leave, or give it up; how many certificates were revoked now.

    `certificates` are PEM texts of further ones of its. Raises UnknownTerminalError,
    CertificateError, DatabaseError.
    """
    with database.write() as connection:
        terminal = find(connection, {address}).get(address)
        if terminal is None:
            raise UnknownTerminalError(f"{address}: no such terminal; `kiosk-hq terminals list`")
        lock(connection, {terminal.id})
        for pem in certificates:
            note_certificate(connection, terminal, pem, now)
        row = TERMINALS.update().where(TERMINALS.c.id == terminal.id)
        connection.execute(row.values(leaving_at=now))
        arguments = {"at_once": lost}
        queue_command(connection, key, terminal, "erase_terminal", arguments, now, expires)
        if lost:
            connection.execute(row.values(left_at=now, left_why="lost"))
            return revoke_all(connection, terminal, now)
    return 0


def note_leaving(connection: Connection, terminal: Known, head: int, now: datetime) -> None:
    """Let a terminal go whose record `head`, which counts, is its last one; its row is locked."""
    query = select(EVENTS.c.kind).where(EVENTS.c.terminal_id == terminal.id, EVENTS.c.seq == head)
    if connection.execute(query).scalar_one_or_none() == LAST:
        row = TERMINALS.update().where(TERMINALS.c.id == terminal.id)
        still = TERMINALS.c.left_at.is_(None)
        connection.execute(row.where(still).values(left_at=now, left_why="erased"))
        revoke_all(connection, terminal, now)


def who_left(connection: Connection, terminals: Iterable[Known]) -> dict[int, tuple[int, str]]:
    """Of terminals that left: the number of the last record that counts, and why they left."""
    query = select(TERMINALS.c.id, TERMINALS.c.head_seq, TERMINALS.c.left_why).where(
        TERMINALS.c.id.in_([terminal.id for terminal in terminals]),
        TERMINALS.c.left_at.is_not(None),
    )
    return {row.id: (row.head_seq, row.left_why) for row in connection.execute(query)}
