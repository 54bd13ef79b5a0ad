"""From camera frames to a decision about a face: arrays in, values out. No clock, no disk."""
