"""After a punch: ageing is noticed once, and templates are taken up only where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.enrolment import enrol
from kiosk.stores import Stores, open_stores
from kiosk.upkeep import Upkeep
from recognizer.coverage import MAX_TEMPLATES
from recognizer.decision import Decision, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face
from recognizer.quality import Quality
from store.records import Adaptation, Body, RenewalDue
from tests.kiosk.made import LIMITS, MODEL, applicant, face, now, samples, terminal

THRESHOLD = 0.4
FACE = Face((0.0, 0.0, 100.0, 100.0), np.zeros((5, 2), np.float32), 0.9)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with open_stores(terminal(tmp_path)) as opened:
        enrol(opened, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        yield opened


def told(stores: Stores, kind: type[Body]) -> list[Body]:
    bodies = [record.content().known_body() for record in stores.ledger.records(0, 1000)]
    return [body for body in bodies if isinstance(body, kind)]


def punch(
    stores: Stores,
    day: float,
    score: float,
    *,
    adapt: bool,
    seen: NDArray[np.float32] | None = None,
    live: float | None = 0.9,
) -> None:
    quality = Quality(100, 40, 0, 0, 0, 0, 0.5, 200, 20, 40, 1, 1, 0.7, 0.8, None)
    embedding = face(1, 0) if seen is None else seen
    frame = stores.protection.evidence(Evidence(1, 0.0, FACE, quality, live, False, embedding))
    decision = Decision(Verdict.ACCEPT, "1", score, 0.3, 3, None)
    Upkeep(stores, MODEL, adapt=adapt).after_punch(
        decision, [frame], THRESHOLD, stores.protection, now(day)
    )


def test_falling_scores_are_told_once_until_the_next_enrolment(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    for week in range(12):
        for day in range(7):
            score = 0.75 - 0.012 * week + 0.01 * (-1) ** day
            punch(stores, 7 * week + day, score, adapt=False)
    assert told(stores, RenewalDue) == [RenewalDue(person="1")]
    assert stores.gallery.people()[0].renewal_due
    enrol(stores, MODEL, applicant("1"), samples(1, 7, quality=0.9), LIMITS, now(90))
    assert not stores.gallery.people()[0].renewal_due
    assert stores.genuine.weeks("1") == []


def test_scores_that_stay_ask_for_nothing(stores: Stores) -> None:
    for day in range(7 * 12):
        punch(stores, day, 0.7 + 0.01 * (-1) ** day, adapt=False)
    assert told(stores, RenewalDue) == []


def test_without_the_setting_nothing_is_taken_up(stores: Stores) -> None:
    punch(stores, 1, 0.9, adapt=False, seen=face(1, 9))
    assert stores.gallery.people()[0].templates == 2


def test_one_template_a_week_is_taken_up_and_none_without_pad(stores: Stores) -> None:
    punch(stores, 1, 0.9, adapt=True, seen=face(1, 8), live=None)
    assert told(stores, Adaptation) == []
    for day in (1, 2, 7.9, 8.1):
        punch(stores, day, 0.9, adapt=True, seen=face(1, 10 + int(day)))
    assert [e.origin for e in stores.templates.entries("1")] == [
        "enrolled",
        "enrolled",
        "adaptive",
        "adaptive",
    ]
    assert told(stores, Adaptation) == [Adaptation(person="1", added=1, removed=0)] * 2
    assert stores.register.unadapt("1", now(9)) == 2
    assert [e.origin for e in stores.templates.entries("1")] == ["enrolled"] * 2


def test_only_adaptive_templates_give_way_and_never_more_than_eight(stores: Stores) -> None:
    first = [e.id for e in stores.templates.entries("1")]
    for week in range(1, 10):
        punch(stores, 7.1 * week, 0.9, adapt=True, seen=face(1, 20 + week))
    entries = stores.templates.entries("1")
    assert len(entries) == MAX_TEMPLATES
    assert [e.id for e in entries if e.origin == "enrolled"] == first
    assert told(stores, Adaptation)[-1] == Adaptation(person="1", added=1, removed=1)


def test_eight_enrolled_templates_never_give_way(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, *range(2, 20)), LIMITS, now())
    punch(stores, 1, 0.9, adapt=True, seen=face(1, 99))
    assert {e.origin for e in stores.templates.entries("1")} == {"enrolled"}
