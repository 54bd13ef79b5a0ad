"""Enrolling again: what covers the person best stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.enrolment import Limits, enrol
from kiosk.errors import EnrolmentRefusedError
from kiosk.stores import Stores, open_stores
from recognizer.coverage import MAX_TEMPLATES
from recognizer.decision import DecisionPolicy
from tests.kiosk.made import LIMITS, MODEL, applicant, now, samples, terminal


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with open_stores(terminal(tmp_path)) as opened:
        yield opened


def test_of_many_samples_at_most_eight_stay(stores: Stores) -> None:
    given = samples(1, *range(20))
    assert enrol(stores, MODEL, applicant("1"), given, LIMITS, now()).templates == MAX_TEMPLATES
    assert stores.gallery.people()[0].templates == MAX_TEMPLATES


def test_further_photos_take_the_place_of_the_least_useful_ones(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, *range(8), quality=0.3), LIMITS, now())
    better = samples(1, *range(100, 104), quality=0.9)
    assert enrol(stores, MODEL, applicant("1"), better, LIMITS, now(1)).templates == MAX_TEMPLATES
    kept = [e.quality_millionths for e in stores.templates.entries("1")]
    assert sorted(kept) == [300_000] * 4 + [900_000] * 4


def test_the_same_photos_again_are_refused_and_change_nothing(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, *range(8), quality=0.9), LIMITS, now())
    before = stores.templates.entries("1")
    with pytest.raises(EnrolmentRefusedError, match="nothing that the templates") as refused:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, quality=0.5), LIMITS, now(1))
    assert refused.value.reason == "nothing_new"
    assert stores.templates.entries("1") == before


def test_another_face_and_a_known_face_are_refused_in_the_protected_form(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
    with pytest.raises(EnrolmentRefusedError, match="enrolled with another face"):
        enrol(stores, MODEL, applicant("1"), samples(2, 0), LIMITS, now())
    with pytest.raises(EnrolmentRefusedError, match="already enrolled under number 1"):
        enrol(stores, MODEL, applicant("2"), samples(1, 2), LIMITS, now())


def test_an_enrolment_takes_the_place_of_adaptive_templates(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, 0), LIMITS, now())
    adaptive = stores.protection.apply(samples(1, 5)[0].embedding)
    stores.register.adapt("1", MODEL, (adaptive, 1, now()), now(), protection=stores.protection.id)
    enrol(stores, MODEL, applicant("1"), samples(1, 6), LIMITS, now(1))
    assert {e.origin for e in stores.templates.entries("1")} == {"enrolled"}


def test_a_large_gallery_does_not_split_one_person_into_two(stores: Stores) -> None:
    given = samples(1, 0, 1)
    alike = float(given[0].embedding @ given[1].embedding)
    strict = Limits(one_person=alike - 0.01, policy=DecisionPolicy(alike + 0.01))
    assert enrol(stores, MODEL, applicant("1"), given, strict, now()).templates == 2
    too_strict = Limits(one_person=alike + 0.01, policy=DecisionPolicy(alike + 0.01))
    with pytest.raises(EnrolmentRefusedError, match="one and the same person"):
        enrol(stores, MODEL, applicant("2"), given, too_strict, now())
