"""Records that are no punches are found by their kind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    beside = sa.text("kind <> 'punch'")
    op.create_index(
        "ix_events_kind_record_id",
        "events",
        ["kind", "record_id"],
        sqlite_where=beside,
        postgresql_where=beside,
    )
