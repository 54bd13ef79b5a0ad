"""From camera frames to a decision about a face: arrays in, values out; no clock, no disk but weights."""
