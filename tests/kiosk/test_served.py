"""The daemon's picture of the gallery: in step with it, without reading it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.enrolment import enrol
from kiosk.served import ServedPeople
from kiosk.stores import Stores, open_stores
from store.database import Database
from tests.kiosk.made import LIMITS, MODEL, applicant, face, now, samples, terminal


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with open_stores(terminal(tmp_path)) as opened:
        yield opened


@pytest.fixture
def vectors_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows of templates each query with vectors gave."""
    read: list[int] = []
    real = Database.rows

    def rows(self: Database, sql: str, parameters: Any, make: Any) -> Any:
        found = real(self, sql, parameters, make)
        if "vector" in sql:
            read.append(len(found))
        return found

    monkeypatch.setattr(Database, "rows", rows)
    return read


def test_a_change_reads_only_the_changed_person(stores: Stores, vectors_read: list[int]) -> None:
    for person in range(1, 21):
        enrol(stores, MODEL, applicant(str(person)), samples(person, 0, 1), LIMITS, now())
    served = ServedPeople(stores, MODEL)
    vectors_read.clear()
    assert served.refresh()
    assert sum(vectors_read) == 40
    vectors_read.clear()
    assert not served.refresh()
    enrol(stores, MODEL, applicant("21"), samples(21, 0), LIMITS, now())
    vectors_read.clear()
    assert served.refresh()
    assert sum(vectors_read) == 1
    assert (served.matcher.people, len(served.matcher)) == (21, 41)
    assert served.matcher.identify(stores.protection.apply(face(21, 0))).person == "21"


def test_who_withdraws_is_blocked_or_removed_is_out_of_memory(stores: Stores) -> None:
    for person in (1, 2, 3, 4):
        enrol(stores, MODEL, applicant(str(person)), samples(person, 0, 1), LIMITS, now())
    served = ServedPeople(stores, MODEL)
    served.refresh()
    stores.register.withdraw("1", now())
    stores.register.block("2", now())
    stores.register.remove("3", now())
    served.refresh()
    assert served.matcher.names() == {"4"}
    assert len(served.matcher) == 2
    held = served.matcher._templates
    assert held.base is None  # no view into memory that still holds the others
    stores.register.unblock("2", now())
    served.refresh()
    assert served.matcher.names() == {"2", "4"}


def test_a_score_that_is_noted_does_not_touch_the_matcher(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, 0), LIMITS, now())
    served = ServedPeople(stores, MODEL)
    served.refresh()
    before = served.matcher
    stores.genuine.add("1", 700_000, now())
    assert not served.refresh()
    assert served.matcher is before
