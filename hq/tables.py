"""Headquarters' tables (SQLAlchemy Core). `migrations/` makes the same; a test compares them.

- `events` holds a terminal's records, each (terminal, seq) once. `receipt_seq` is the receipt that
  first covered it; NULL means that it arrived early, before a gap was closed, and does not count
  yet. `payload` is the RFC 8785 text that the terminal signed. `repeats` is the number of another
  record of the terminal that tells the same (the same id): it counts once.
- `terminals` holds the head (highest record without a gap before it) and what gap and command
  keeping need. Its row is locked while a terminal's records are taken in.
- `commands` keeps whom a command is about (`person`), how often it was queued again before
  (`repeated`), and the number of the one that took its place (`followed_by`, see `hq.withdrawals`).
  `change` is a command's place in the site's order of shares and withdrawals; NULL is its number.
- `sealing_key` is a terminal's raw X25519 key. `seals` holds what a terminal sealed for another one
  until it is ordered there, `endings` whose consent ended at a terminal until the others are told.
- `join_tokens` holds the ids of tokens (`store.joining`), never their secrets, and the answer that
  a used one got; `waiting` is the request that waits for an operator's signature, since `asked_at`.
  `certificates` holds what headquarters issued or sent, so that it can be revoked.
- `leaving_at` says when a terminal was ordered to erase itself, `left_at` since when no new record
  of it is taken, `left_why` whether its last record came ("erased") or it is "lost".
- Instants are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)
# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
_Id = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; naive for SQLite."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


TERMINALS = Table(
    "terminals",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("site", String(63), nullable=False),
    Column("terminal", String(63), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("head_seq", BigInteger, nullable=False),
    Column("head_hash", LargeBinary, nullable=False),
    Column("receipt_time", Instant),
    Column("gap_since", Instant),
    Column("replay_not_before", Instant),
    Column("replays_asked", Integer, nullable=False),
    Column("command_number", BigInteger, nullable=False),
    Column("status", Text),
    Column("status_at", Instant),
    Column("sealing_key", LargeBinary),
    Column("leaving_at", Instant),
    Column("left_at", Instant),
    Column("left_why", String(16)),
    UniqueConstraint("site", "terminal"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("terminal_id", _Id, ForeignKey("terminals.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("record_id", String(64), nullable=False),
    Column("kind", String(63), nullable=False),
    Column("utc", Instant, nullable=False),
    Column("person", String(64)),
    Column("payload", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("receipt_seq", BigInteger),
    Column("repeats", BigInteger),
    UniqueConstraint("terminal_id", "seq"),
    Index(None, "person", "utc"),
    # Most records are punches: those are found by person or terminal, never by their kind.
    Index(
        None,
        "kind",
        "record_id",
        sqlite_where=text("kind <> 'punch'"),
        postgresql_where=text("kind <> 'punch'"),
    ),
)

ALARMS = Table(
    "alarms",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("site", String(63), nullable=False),
    Column("terminal", String(63), nullable=False),
    Column("what", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("evidence", String(64), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    UniqueConstraint("site", "terminal", "what", "seq", "evidence"),
)

COMMANDS = Table(
    "commands",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("terminal_id", _Id, ForeignKey("terminals.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("command_id", String(64), nullable=False, unique=True),
    Column("type", String(64), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("outcome", String(64)),
    Column("detail", Text),
    Column("replied_at", Instant),
    Column("published_at", Instant),
    Column("person", String(64)),
    Column("repeated", Integer, nullable=False, server_default="0"),
    Column("followed_by", BigInteger),
    Column("change", BigInteger),
    UniqueConstraint("terminal_id", "number"),
    Index(None, "person"),
)

SEALS = Table(
    "seals",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("command", _Id, ForeignKey("commands.id"), nullable=False),
    Column("sealed", Text, nullable=False),
)

ENDINGS = Table(
    "endings",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("terminal_id", _Id, ForeignKey("terminals.id"), nullable=False),
    Column("person", String(64), nullable=False),
    Column("type", String(16), nullable=False),
)

JOIN_TOKENS = Table(
    "join_tokens",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("token", String(32), nullable=False, unique=True),
    Column("site", String(63), nullable=False),
    Column("terminal", String(63)),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("used_at", Instant),
    Column("used_by", String(63)),
    Column("request", String(64)),
    Column("answer", LargeBinary),
    Column("waiting", LargeBinary),
    Column("asked_at", Instant),
)

CERTIFICATES = Table(
    "certificates",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("terminal_id", _Id, ForeignKey("terminals.id"), nullable=False),
    Column("serial", String(40), nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("not_after", Instant, nullable=False),
    Column("noted_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Index(None, "terminal_id"),
)
