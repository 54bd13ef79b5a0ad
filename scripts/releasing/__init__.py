"""`./scripts/make-release`: a signed release for kiosk-update (docs/updates.md)."""
