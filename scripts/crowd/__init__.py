"""Many simulated terminals around a stock broker and real workers; `./scripts/fleet` runs it."""
