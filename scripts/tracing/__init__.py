"""The system calls that the daemons make, found by tracing them at work."""
