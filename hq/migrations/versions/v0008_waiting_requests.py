"""Requests to join that came over the broker and wait for an operator's signature."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.add_column("join_tokens", sa.Column("waiting", sa.LargeBinary()))
    op.add_column("join_tokens", sa.Column("asked_at", sa.DateTime(timezone=True)))
