"""Records that a terminal wrote again under another number, after its ledger was lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.add_column("events", sa.Column("repeats", sa.BigInteger()))
