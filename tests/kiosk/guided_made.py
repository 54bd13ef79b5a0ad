"""What the tests of the guided enrolment are made of: frames of synthetic faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiosk.ceremony import Rules
from kiosk.poses import Pose
from recognizer.evidence import Evidence
from recognizer.faces import Face
from recognizer.pipeline import Look, TrackedFace
from recognizer.quality import Quality, Reason
from tests.kiosk.made import face

GOOD = Quality(150, 70, 0, 0, 0, 0, 0.5, 200, 20, 50, 1, 1, 0.7, 0.9, None)
TURNS = {Pose.FRONT: (0, 0), Pose.LEFT: (25, 0), Pose.RIGHT: (-25, 0), Pose.UP: (0, -15)}
RULES = Rules("1", "2026", "ab" * 32, one_person=0.5)
FPS = 10


def frame(
    at_s: float,
    pose: Pose | None = Pose.FRONT,
    *,
    person: int = 1,
    live: float | None = 0.9,
    attack: bool = False,
    reason: Reason | None = None,
) -> Evidence:
    """What one frame says; every frame is another shot of the person."""
    yaw, pitch = TURNS[pose or Pose.FRONT]
    quality = replace(GOOD, yaw=float(yaw), pitch=float(pitch), reason=reason)
    seen = Face((250, 170, 150, 170), np.zeros((5, 2), dtype=np.float32), 1.0)
    shot = face(person, round(at_s * 1000), apart=0.3)
    embedding = None if attack or reason else shot
    return Evidence(person, at_s, seen, quality, live, attack, embedding)


def look(evidence: Evidence | None, others: int = 0) -> Look:
    """The frame as the recogniser gives it, with so many further faces."""
    mine = () if evidence is None else (TrackedFace(evidence.track, evidence.face),)
    other = Face((10, 10, 60, 60), np.zeros((5, 2), dtype=np.float32), 1.0)
    return Look((*mine, *(TrackedFace(90 + i, other) for i in range(others))), evidence)
