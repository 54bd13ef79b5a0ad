"""The database's schema, step by step (Alembic); a step that was shipped is never changed."""
