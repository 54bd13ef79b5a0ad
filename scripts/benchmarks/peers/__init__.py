"""Ours beside other face libraries, each in a process and an environment of its own.

A peer's process imports `serving` and its own engine only, so nothing of ours is in its memory.
"""
