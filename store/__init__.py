"""The encrypted store: the signed ledger, the gallery of templates, keys and settings."""
