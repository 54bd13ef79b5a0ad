"""Templates between terminals: sealing keys, the site's order, seals and endings on their way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the step."""
    op.add_column("terminals", sa.Column("sealing_key", sa.LargeBinary()))
    op.add_column("commands", sa.Column("change", sa.BigInteger()))
    op.create_table(
        "seals",
        sa.Column("id", _ID, nullable=False),
        sa.Column("command", _ID, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["command"], ["commands.id"], name="fk_seals_command"),
        sa.PrimaryKeyConstraint("id", name="pk_seals"),
    )
    op.create_table(
        "endings",
        sa.Column("id", _ID, nullable=False),
        sa.Column("terminal_id", _ID, nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name="fk_endings_terminal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_endings"),
    )
