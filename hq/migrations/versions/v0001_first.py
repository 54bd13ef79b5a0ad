"""The first tables: terminals, events, alarms, commands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the step."""
    op.create_table(
        "terminals",
        sa.Column("id", _ID, nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("terminal", sa.String(63), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("added_at", _INSTANT, nullable=False),
        sa.Column("head_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_time", _INSTANT),
        sa.Column("gap_since", _INSTANT),
        sa.Column("replay_not_before", _INSTANT),
        sa.Column("replays_asked", sa.Integer(), nullable=False),
        sa.Column("command_number", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text()),
        sa.Column("status_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_terminals"),
        sa.UniqueConstraint("site", "terminal", name="uq_terminals_site_terminal"),
    )
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("terminal_id", _ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("utc", _INSTANT, nullable=False),
        sa.Column("person", sa.String(64)),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("receipt_seq", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name="fk_events_terminal_id"),
        sa.UniqueConstraint("terminal_id", "seq", name="uq_events_terminal_id_seq"),
    )
    op.create_index("ix_events_person_utc", "events", ["person", "utc"])
    op.create_table(
        "alarms",
        sa.Column("id", _ID, nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("terminal", sa.String(63), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
        sa.UniqueConstraint(
            "site",
            "terminal",
            "what",
            "seq",
            "evidence",
            name="uq_alarms_site_terminal_what_seq_evidence",
        ),
    )
    op.create_table(
        "commands",
        sa.Column("id", _ID, nullable=False),
        sa.Column("terminal_id", _ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("command_id", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("outcome", sa.String(64)),
        sa.Column("detail", sa.Text()),
        sa.Column("replied_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name="fk_commands_terminal_id"),
        sa.UniqueConstraint("command_id", name="uq_commands_command_id"),
        sa.UniqueConstraint("terminal_id", "number", name="uq_commands_terminal_id_number"),
    )
