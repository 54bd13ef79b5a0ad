"""Punches as payroll gets them: local times over every change of clocks, and odd records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hq.punches import Punches, local_text
from store.canonical import canonical
from store.chain import record_hash, sign_hash
from store.records import Body, Instant, Punch, Record, Stop
from tests.hq.made import Office, open_office
from tests.hq.pi import PiClock
from tests.sync.made import GATE_A, GATE_B, NOON, head_of, instant, next_record
