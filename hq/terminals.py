"""Which terminals headquarters knows, by which public key, and how far their records go."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import ColumnElement, Connection, Row, select, tuple_

from hq.database import Database
from hq.errors import DatabaseConflictError, DuplicateTerminalError
from hq.keys import parse_public_key, public_pem
from hq.tables import TERMINALS
from sync.contract.topics import Address
from sync.contract.verify import START, Head


@dataclass(frozen=True, slots=True)
class Known:
    """A registered terminal: the row's id and the key that signs its records."""

    id: int
    address: Address
    key: Ed25519PublicKey = field(compare=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """A terminal's row as a person wants to see it; `left` is "leaving", "erased", "lost", None."""

    address: Address
    head: Head
    added_at: datetime
    receipt_time: datetime | None
    gap_since: datetime | None
    status: str | None
    status_at: datetime | None
    left: str | None


def add_terminal(
    database: Database,
    address: Address,
    key: Ed25519PublicKey,
    now: datetime,
    sealing: X25519PublicKey | None = None,
) -> bool:
    """Register it; False when it was there with this key. Raises DuplicateTerminalError.

    `sealing` is the key that templates for it are sealed to, in place of one known before.
    """
    with contextlib.suppress(DatabaseConflictError):  # somebody else was registering it: look again
        return _add(database, address, key, now, sealing)
    return _add(database, address, key, now, sealing)


def _add(
    database: Database,
    address: Address,
    key: Ed25519PublicKey,
    now: datetime,
    sealing: X25519PublicKey | None,
) -> bool:
    with database.write() as connection:
        return enter(connection, address, key, now, sealing)


def enter(
    connection: Connection,
    address: Address,
    key: Ed25519PublicKey,
    now: datetime,
    sealing: X25519PublicKey | None,
) -> bool:
    """As `add_terminal`, within a transaction; also raises DatabaseConflictError."""
    if is_entered(connection, address, key):
        if sealing is not None:
            known = TERMINALS.update().where(*_is(address))
            connection.execute(known.values(sealing_key=sealing.public_bytes_raw()))
        return False
    connection.execute(
        TERMINALS.insert().values(
            site=address.site,
            terminal=address.terminal,
            public_key=public_pem(key),
            added_at=now,
            head_seq=START.seq,
            head_hash=START.hash,
            replays_asked=0,
            command_number=0,
            sealing_key=None if sealing is None else sealing.public_bytes_raw(),
        )
    )
    return True


def is_entered(connection: Connection, address: Address, key: Ed25519PublicKey) -> bool:
    """Whether it is registered with this key, its row locked then. Raises DuplicateTerminalError
    where the name is another key's, or of a terminal that left.
    """
    row = connection.execute(
        select(TERMINALS.c.public_key, TERMINALS.c.left_at).where(*_is(address)).with_for_update()
    ).one_or_none()
    if row is None:
        return False
    if row.public_key != public_pem(key) or row.left_at is not None:
        raise DuplicateTerminalError(
            f"{address} is registered with another key, or has left; a new card needs a new "
            "name, so that its records cannot be taken for the old one's"
        )
    return True


def find(connection: Connection, addresses: set[Address]) -> dict[Address, Known]:
    """Those of `addresses` that are registered."""
    if not addresses:
        return {}
    rows = connection.execute(
        select(
            TERMINALS.c.id, TERMINALS.c.site, TERMINALS.c.terminal, TERMINALS.c.public_key
        ).where(
            tuple_(TERMINALS.c.site, TERMINALS.c.terminal).in_(
                [(address.site, address.terminal) for address in addresses]
            )
        )
    )
    known = {}
    for row in rows:
        address = Address(row.site, row.terminal)
        known[address] = Known(row.id, address, parse_public_key(row.public_key))
    return known


def lock(connection: Connection, ids: set[int]) -> None:
    """Lock the rows of these terminals until the transaction ends, in the order of their ids."""
    connection.execute(
        select(TERMINALS.c.id)
        .where(TERMINALS.c.id.in_(ids))
        .order_by(TERMINALS.c.id)
        .with_for_update()
    ).all()


def list_terminals(database: Database) -> list[Standing]:
    """Every registered terminal, by site and name."""
    with database.read() as connection:
        rows = connection.execute(
            select(TERMINALS).order_by(TERMINALS.c.site, TERMINALS.c.terminal)
        ).all()
    return [_standing(row) for row in rows]


def _standing(row: Row[tuple[object, ...]]) -> Standing:
    return Standing(
        address=Address(row.site, row.terminal),
        head=Head(row.head_seq, row.head_hash),
        added_at=row.added_at,
        receipt_time=row.receipt_time,
        gap_since=row.gap_since,
        status=row.status,
        status_at=row.status_at,
        left=row.left_why or ("leaving" if row.leaving_at is not None else None),
    )


def _is(address: Address) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return TERMINALS.c.site == address.site, TERMINALS.c.terminal == address.terminal
