"""The terminal: camera, lamps, buzzer, decision, daemon and command line."""
