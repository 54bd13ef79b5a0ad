"""Alembic's entry: runs the steps on the connection and in the transaction of `hq.database`."""

from __future__ import annotations

from alembic import context

from hq.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
