"""Terminals that join by a token and that leave: tokens, certificates, when one left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the step."""
    op.add_column("terminals", sa.Column("leaving_at", _AT))
    op.add_column("terminals", sa.Column("left_at", _AT))
    op.add_column("terminals", sa.Column("left_why", sa.String(16)))
    op.create_table(
        "join_tokens",
        sa.Column("id", _ID, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("terminal", sa.String(63)),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("used_at", _AT),
        sa.Column("used_by", sa.String(63)),
        sa.Column("request", sa.String(64)),
        sa.Column("answer", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_join_tokens"),
        sa.UniqueConstraint("token", name="uq_join_tokens_token"),
    )
    op.create_table(
        "certificates",
        sa.Column("id", _ID, nullable=False),
        sa.Column("terminal_id", _ID, nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("not_after", _AT, nullable=False),
        sa.Column("noted_at", _AT, nullable=False),
        sa.Column("revoked_at", _AT),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminals.id"], name="fk_certificates_terminal_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_certificates"),
        sa.UniqueConstraint("fingerprint", name="uq_certificates_fingerprint"),
    )
    op.create_index("ix_certificates_terminal_id", "certificates", ["terminal_id"])
