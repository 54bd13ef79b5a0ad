"""The manifest of model weights (data only; the weights themselves are fetched)."""
