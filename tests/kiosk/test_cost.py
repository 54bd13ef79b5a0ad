"""What the door does for a frame and for a punch, counted: no clock, so no busy machine decides it.

Each number was counted when it was written down; a test fails from twice that on, where a cost has
doubled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from kiosk.cameras import Frame
from kiosk.daemon import Door
from kiosk.stores import Stores, open_stores
from recognizer.decision import Decision, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face, Image
from recognizer.pipeline import Look
from recognizer.quality_limits import Quality
from recognizer.tracker import TrackedFace
from tests.kiosk.made import Lamps, consenting, door, terminal

GOOD = Quality(150, 70, 0, 0, 0, 0, 0.5, 200, 20, 50, 1, 1, 0.7, 1.0, None)
BLACK = np.zeros((480, 640, 3), dtype=np.uint8)

CALLS_A_FRAME = 106  # of Python functions, when somebody is looked at and nothing is decided
STATEMENTS_A_FRAME = 1  # of SQL: has the gallery changed
STATEMENTS_A_PUNCH = 21  # of SQL on both databases, from the deciding frame's begin to its end
COMMITS_A_PUNCH = 2  # the record, and the score that the person's own templates are judged by


class Eyes:
    """The same face in every frame."""

    model_digest = "ab" * 32

    def __init__(self) -> None:
        self.on_subject: Callable[[int, float], None] = lambda *_: None

    def look(self, image: Image, at_s: float, served: frozenset[int] = frozenset()) -> Look:
        self.on_subject(1, at_s)
        face = Face((250, 170, 140, 160), np.zeros((5, 2), dtype=np.float32), 1.0)
        evidence = Evidence(1, at_s, face, GOOD, 0.99, False, np.ones(192, dtype=np.float32))
        return Look((TrackedFace(1, face),), evidence)


class Policy:
    """Accepts person 1001 once it is told to."""

    threshold, beyond, accepts = 0.5, 0.0, False

    def decide(self, evidence: list[Evidence], matcher: object) -> Decision:
        if self.accepts:
            return Decision(Verdict.ACCEPT, "1001", 0.9, 0.5, len(evidence), None)
        return Decision(Verdict.UNDECIDED, None, 0.1, 0.0, len(evidence), None)


class Counted:
    """What happened since `clear`."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.calls = self.syncs = 0

    def clear(self) -> None:
        self.statements, self.calls, self.syncs = [], 0, 0

    def watch(self, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        for database in (stores.ledger_db, stores.gallery_db):
            database._connection.set_trace_callback(self.statements_add)
        sync = os.fsync

        def counted_sync(descriptor: int) -> None:
            self.syncs += 1
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", counted_sync)

    def statements_add(self, statement: str) -> None:
        self.statements.append(statement)

    def profile(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event == "call"


class Film:
    """Frames one after the other; `between` is called before each, and after the last."""

    def __init__(self, frames: int, between: Callable[[int], None]) -> None:
        self.count, self.between = frames, between

    def frames(self) -> Iterator[Frame]:
        for n in range(self.count):
            self.between(n)
            yield Frame(BLACK, n / 15)
        self.between(self.count)


def without_chores(at: Door) -> Door:
    """They come twice a second of real time, so a count must not meet them."""
    at._inbox_due = float("inf")
    return at


def test_a_frame_at_which_nothing_is_decided_costs_no_more_than_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, config = Counted(), terminal(tmp_path)
    costs: list[tuple[int, int]] = []

    def between(n: int) -> None:
        sys.setprofile(None)
        costs.append((counted.calls, len(counted.statements)))
        counted.clear()
        sys.setprofile(counted.profile)

    with open_stores(config) as stores:
        at = without_chores(door(config, stores, Eyes(), Lamps(), Policy()))
        counted.watch(stores, monkeypatch)
        try:
            at.run(Film(6, between))
        finally:
            sys.setprofile(None)
    calls, statements = costs[-1]
    assert 0 < calls < 2 * CALLS_A_FRAME
    assert 0 < statements < 2 * STATEMENTS_A_FRAME


def test_a_punch_is_two_commits_of_no_more_statements_than_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, config, policy = Counted(), terminal(tmp_path), Policy()

    def between(n: int) -> None:
        if n == 3:
            policy.accepts = True
            counted.clear()

    with open_stores(config) as stores:
        consenting(stores, "1001")
        at = without_chores(door(config, stores, Eyes(), Lamps(), policy))
        counted.watch(stores, monkeypatch)
        at.run(Film(4, between))
        kinds = [record.kind for record in stores.ledger.records(0, 100)]
    assert kinds.count("punch") == 1
    assert counted.statements.count("COMMIT") == COMMITS_A_PUNCH
    assert len(counted.statements) < 2 * STATEMENTS_A_PUNCH
    assert counted.syncs == 0  # SQLite's own come with the commits
