"""When a command was last given to the broker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.add_column("commands", sa.Column("published_at", sa.DateTime(timezone=True)))
