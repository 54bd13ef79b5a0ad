"""Enrolling again: what covers the person best stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiosk.enrolment import Limits, enrol
from kiosk.errors import EnrolmentRefusedError
from kiosk.stores import Stores, open_stores
from recognizer.coverage import MAX_TEMPLATES
from recognizer.decision import DecisionPolicy
from tests.kiosk.made import LIMITS, MODEL, applicant, now, samples, settings_file, terminal


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


def test_who_is_blocked_does_not_come_back_under_another_number(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
    stores.register.block("1", now())
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


def enrolments(stores: Stores) -> list[dict[str, object]]:
    records = [record.content() for record in stores.ledger.records(0, 100)]
    return [record.body for record in records if record.kind == "enrolment"]


def test_enough_photos_end_with_a_trial_of_each_against_the_others(stores: Stores) -> None:
    few = enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
    assert few.trial is None
    enough = enrol(stores, MODEL, applicant("2"), samples(2, 0, 1, 2), LIMITS, now())
    vectors = np.stack([sample.embedding for sample in samples(2, 0, 1, 2)])
    best = (vectors @ vectors.T - 2 * np.eye(3)).max(axis=1)  # of each with the others
    assert enough.trial == pytest.approx(best.mean(), abs=1e-5)
    told = [(body["trial_millionths"], body["live"]) for body in enrolments(stores)]
    assert told == [(None, False), (round((enough.trial or 0) * 1e6), False)]


def test_photos_that_pass_without_margin_only_are_refused_and_change_nothing(
    stores: Stores,
) -> None:
    given = samples(1, 0, 1, 2)
    score = enrol(stores, MODEL, applicant("9"), given, LIMITS, now()).trial or 0
    stores.register.remove("9", now())
    barely = Limits(0.4, DecisionPolicy(score - 0.01, margin=0.05))
    with pytest.raises(EnrolmentRefusedError) as refused:
        enrol(stores, MODEL, applicant("1"), given, barely, now())
    assert refused.value.reason == "trial_failed"
    assert stores.gallery.person("1") is None
    surely = Limits(0.4, DecisionPolicy(score - 0.06, margin=0.05))
    assert enrol(stores, MODEL, applicant("1"), given, surely, now()).trial == pytest.approx(score)


def test_photos_of_a_changed_face_renew_where_a_document_was_checked(stores: Stores) -> None:
    enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
    known = replace(applicant("1"), identity="known")
    with pytest.raises(EnrolmentRefusedError, match="--identity document or badge"):
        enrol(stores, MODEL, known, samples(2, 0, 1, 2), LIMITS, now(1))
    checked = replace(applicant("1"), identity="document")
    assert enrol(stores, MODEL, checked, samples(2, 0, 1, 2), LIMITS, now(1)).templates == 3
    assert [body["renewal"] for body in enrolments(stores)] == [False, True]


def test_whoever_does_not_agree_to_the_text_that_is_shown_is_not_enrolled(tmp_path: Path) -> None:
    terminal(tmp_path)
    config = settings_file(tmp_path)
    kiosk = Path(sys.executable).parent / "kiosk"
    words = [str(kiosk), "enrol", "1", "photo.jpg", "--name", "N", "--config", str(config)]
    unasked = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (unasked.returncode, "--consent" in unasked.stderr) == (2, True)
    ours, theirs = os.openpty()
    os.write(ours, b"n\n")
    asked = subprocess.run(words, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)
    assert "## What is processed" in asked.stdout
    assert (asked.returncode, asked.stderr) == (7, "kiosk: no consent, so nothing was done\n")
