"""Faults as the door and the files on disk bring them about: attacks, bad frames, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.cameras import Frame
from kiosk.settings import MqttView, Settings
from kiosk.stores import Stores, open_stores
from kiosk.watch import SETTLE_S
from kiosk.watchman import Watchman
from recognizer.decision import Decision, Verdict
from recognizer.errors import ImageError
from recognizer.evidence import Evidence
from recognizer.faces import Face, Image
from recognizer.matcher import Matcher
from recognizer.pipeline import Look, TrackedFace
from recognizer.quality import Quality
from store.machine import Health
from store.records import Instant
from tests.kiosk.made import Lamps, now, terminal
from tests.kiosk.made import door as made_door

BLACK = np.zeros((48, 64, 3), dtype=np.uint8)
GOOD = Quality(150, 70, 0, 0, 0, 0, 0.5, 200, 20, 50, 1, 1, 0.7, 1.0, None)
POINTS = np.zeros((5, 2), dtype=np.float32)
FACE, NOBODY, BROKEN = "a face", "nobody", "no picture"


class Eyes:
    """What each frame is said to show, in turn; every stretch of faces is somebody new."""

    model_digest = "ab" * 32

    def __init__(self, scenes: list[str]) -> None:
        self.scenes, self.track, self.before = iter(scenes), 0, NOBODY

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        scene = next(self.scenes)
        self.track += scene == FACE and self.before != FACE
        self.before = scene
        if scene == BROKEN:
            raise ImageError("not a picture")
        if scene == NOBODY:
            return Look((), None)
        face = Face((10, 10, 20, 20), POINTS, 1.0)
        embedding = np.ones(1, dtype=np.float32)
        evidence = Evidence(self.track, at_s, face, GOOD, 0.01, False, embedding)
        return Look((TrackedFace(self.track, face),), evidence)


class Distrust:
    """A policy that takes everybody for a photo."""

    threshold, beyond = 0.5, 0.0

    def decide(self, evidence: list[Evidence], matcher: Matcher) -> Decision:
        return Decision(Verdict.ATTACK, None, 0.9, 0.5, len(evidence), None)


class Film:
    """So many frames, fifteen a second."""

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def frames(self) -> Iterator[Frame]:
        return (Frame(BLACK, i / 15) for i in range(self._frames))

    def close(self) -> None:
        """Nothing to give back."""


def serve(settings: Settings, stores: Stores, scenes: list[str]) -> None:
    made_door(settings, stores, Eyes(scenes), Lamps(), Distrust()).run(Film(len(scenes)))


def written(stores: Stores) -> list[str]:
    """The kind of every record, a fault's with its code."""
    contents = [record.content() for record in stores.ledger.records(0, 1000)]
    return [" ".join([c.kind, *([c.body["code"]] if "code" in c.body else [])]) for c in contents]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path)


def test_the_fifth_attack_in_a_row_is_a_streak_at_once_and_the_sixth_no_other(
    settings: Settings,
) -> None:
    visit = [FACE] * 10 + [NOBODY] * 40
    with open_stores(settings) as stores:
        serve(settings, stores, visit * 6)
        found = [kind for kind in written(stores) if kind != "face_failed"]
        assert found == ["rejection"] * 5 + ["fault attack_streak", "rejection"]


def test_a_camera_that_comes_and_goes_is_one_fault_until_it_stayed_well(
    settings: Settings,
) -> None:
    with open_stores(settings) as stores:
        serve(settings, stores, ([BROKEN] * 15 + [NOBODY] * 5) * 4)
        assert written(stores) == ["fault bad_frames"]
        watchman = Watchman(settings, stores, Health)  # a restart
        watchman.look(later(0))
        watchman.good_frame()
        watchman.look(later(20))
        watchman.bad_frames(later(SETTLE_S))
        watchman.good_frame()
        watchman.look(later(SETTLE_S + 20))
        watchman.look(later(2 * SETTLE_S + 10))
        assert written(stores) == ["fault bad_frames"], "it was well for too short a time"
        watchman.look(later(2 * SETTLE_S + 20))
        watchman.look(later(4 * SETTLE_S))
        assert written(stores) == ["fault bad_frames", "fault_cleared bad_frames"]


def test_fourteen_bad_frames_are_no_fault(settings: Settings) -> None:
    with open_stores(settings) as stores:
        serve(settings, stores, ([BROKEN] * 14 + [NOBODY]) * 3)
        assert written(stores) == []


def later(seconds: float) -> Instant:
    at = now()
    moved = {
        "utc": at.utc + timedelta(seconds=seconds),
        "monotonic_ns": at.monotonic_ns + int(seconds * 1e9),
    }
    return at.model_copy(update=moved)


def certificate(path: Path, ends: datetime) -> None:
    """A self-signed one that holds until then."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, None)
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))


def test_the_certificate_file_is_watched_at_thirty_days_and_at_seven_until_it_is_renewed(
    settings: Settings, tmp_path: Path
) -> None:
    file, ca = tmp_path / "client.pem", tmp_path / "ca.pem"
    settings = settings.model_copy(update={"mqtt": MqttView(certificate=file, ca=ca)})
    certificate(ca, now().utc + timedelta(days=400))
    certificate(file, now().utc + timedelta(days=31))
    day_s = 24 * 3600.0
    with open_stores(settings) as stores:
        watchman = Watchman(settings, stores, Health)
        watchman.look(later(0))
        assert written(stores) == []
        watchman.look(later(1.5 * day_s))
        assert written(stores) == ["fault certificate_expiring"]
        watchman.look(later(25 * day_s))
        assert written(stores)[1:] == ["fault certificate_expiring_soon"]
        certificate(file, now().utc + timedelta(days=390))
        watchman.look(later(26 * day_s))
        watchman.look(later(26 * day_s + SETTLE_S))
        assert written(stores)[2:] == [
            "fault_cleared certificate_expiring",
            "fault_cleared certificate_expiring_soon",
        ]


def test_a_terminal_that_does_not_know_the_day_calls_no_certificate_expired(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "client.pem"
    settings = settings.model_copy(update={"mqtt": MqttView(certificate=file)})
    certificate(file, now().utc - timedelta(days=1))
    with open_stores(settings) as stores:
        watchman = Watchman(settings, stores, Health)
        watchman.look(now().model_copy(update={"synchronised": False}))
        assert written(stores) == []
        watchman = Watchman(settings, stores, Health)
        watchman.look(now())
        assert written(stores) == [
            "fault certificate_expiring",
            "fault certificate_expiring_soon",
        ]
