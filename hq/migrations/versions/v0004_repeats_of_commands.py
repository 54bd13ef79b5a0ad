"""Whom a command is about, how often it was repeated, and which command took its place."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.add_column("commands", sa.Column("person", sa.String(64)))
    op.add_column(
        "commands", sa.Column("repeated", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("commands", sa.Column("followed_by", sa.BigInteger()))
    op.create_index("ix_commands_person", "commands", ["person"])
    commands = sa.table(
        "commands",
        sa.column("id", sa.BigInteger),
        sa.column("type", sa.String),
        sa.column("document", sa.LargeBinary),
        sa.column("person", sa.String),
    )
    about = ("upsert_employee", "block", "withdraw", "erase")
    connection = op.get_bind()
    for row in connection.execute(sa.select(commands).where(commands.c.type.in_(about))).all():
        person = json.loads(row.document)["body"]["arguments"]["number"]
        connection.execute(commands.update().where(commands.c.id == row.id).values(person=person))
