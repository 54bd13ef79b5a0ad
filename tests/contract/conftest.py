"""A plant around a running mosquitto, as headquarters' tests have it."""

from __future__ import annotations

from tests.hq.conftest import authority, broker, plant, server

__all__ = ["authority", "broker", "plant", "server"]
