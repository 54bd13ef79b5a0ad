"""The daemon with an active challenge: from landmarks to a signed punch, and to none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kiosk.cameras import Frame
from kiosk.indicators import Signal
from kiosk.settings import PadSection, Settings
from kiosk.stores import Stores, open_stores
from recognizer.decision import Decision, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face, Image
from recognizer.matcher import Matcher
from recognizer.pipeline import Look, TrackedFace
from recognizer.quality import Quality
from recognizer.simulated_motion import Mover, simulate
from tests.kiosk.made import Lamps, consenting, terminal
from tests.kiosk.made import door as made_door

BLACK = np.zeros((480, 640, 3), dtype=np.uint8)
GOOD = Quality(150, 70, 0, 0, 0, 0, 0.5, 200, 20, 50, 1, 1, 0.7, 1.0, None)


class Head:
    """A recogniser's eyes before a simulated head, or a print, that obeys the lamps, or not."""

    model_digest = "ab" * 32

    def __init__(self, lamps: Lamps, mover: Mover, obeys: bool) -> None:
        self.lamps, self.mover, self.obeys, self.turned = lamps, mover, obeys, 0

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        asked = {Signal.TURN_LEFT, Signal.TURN_RIGHT} & set(self.lamps.shown)
        track = simulate(self.mover, 1, noise=0.0)
        if asked:
            self.turned = min(self.turned + 1, len(track) - 1)
        points = track[self.turned].copy()
        # The simulated head turns to the picture's right, which is its own left.
        if (Signal.TURN_LEFT in asked) is not self.obeys:
            points[:, 0] = 640 - points[:, 0]
            points = points[[1, 0, 2, 4, 3]]
        face = Face((250, 170, 140, 160), points.astype(np.float32), 1.0)
        embedding = np.ones(1, dtype=np.float32)
        evidence = Evidence(1, at_s, face, GOOD, 0.99, False, embedding)
        return Look((TrackedFace(1, face),), evidence)


class Certain:
    """A policy that takes whoever it saw in three frames for 1001."""

    threshold, beyond = 0.5, 0.0

    def decide(self, evidence: list[Evidence], matcher: Matcher) -> Decision:
        sure = len(evidence) >= 3
        verdict = Verdict.ACCEPT if sure else Verdict.UNDECIDED
        return Decision(verdict, "1001" if sure else None, 0.9, 0.5, len(evidence), None)


class Film:
    """Sixty frames, fifteen a second."""

    def frames(self) -> Iterator[Frame]:
        return (Frame(BLACK, i / 15) for i in range(60))

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path).model_copy(update={"pad": PadSection(challenge="always")})


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        consenting(opened, "1001")
        yield opened


def serve(settings: Settings, stores: Stores, mover: Mover, *, obeys: bool) -> tuple[Lamps, bytes]:
    """What was shown, and the payloads of the records that followed the consent."""
    lamps = Lamps()
    made_door(settings, stores, Head(lamps, mover, obeys), lamps, Certain()).run(Film())
    return lamps, b"".join(r.kind.encode() + r.payload for r in stores.ledger.records(2, 100))


def test_who_turns_as_asked_is_recorded(settings: Settings, stores: Stores) -> None:
    lamps, written = serve(settings, stores, Mover.HEAD_TURNING, obeys=True)
    assert lamps.shown[-1] is Signal.ACCEPTED
    assert [r.kind for r in stores.ledger.records(2, 100)] == ["punch"]
    assert b"1001" in written


@pytest.mark.parametrize(
    ("mover", "obeys"),
    [(Mover.HEAD_TURNING, False), (Mover.HEAD_STILL, True), (Mover.PLANE_TILTED, True)],
    ids=["the other way", "no turn", "a tilted print"],
)
def test_who_does_not_is_turned_down_and_not_named(
    settings: Settings, stores: Stores, mover: Mover, obeys: bool
) -> None:
    settings = settings.model_copy(update={"pad": PadSection(challenge="always", challenge_s=2)})
    lamps, written = serve(settings, stores, mover, obeys=obeys)
    assert Signal.REJECTED in lamps.shown
    assert Signal.ACCEPTED not in lamps.shown
    assert b"challenge_failed" in written
    assert b"1001" not in written
