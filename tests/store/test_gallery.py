"""People, consents and templates: nothing without consent, nothing of who withdrew."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from store.database import open_database
from store.errors import (
    ConstraintError,
    DuplicatePersonError,
    InvalidValueError,
    NoConsentError,
    UnknownPersonError,
)
from store.gallery import Gallery, Person, Status
from tests.store.made import GALLERY_KEY, MODEL, OTHER_MODEL, Shop, at, vector

DIGEST = "ef" * 32


def consent(gallery: Gallery, number: str, version: str = "en-1", seconds: float = 0) -> None:
    gallery.record_consent(number, version, DIGEST, "signed form 17", "9", at(seconds))


def add(gallery: Gallery, number: str, *seeds: int, model: str = MODEL) -> None:
    gallery.add_person(number, f"Name {number}", "en", at())
    consent(gallery, number)
    gallery.add_templates(number, model, [(vector(seed), 900_000, at()) for seed in seeds])


# People


def test_a_person_comes_back_as_added(shop: Shop) -> None:
    shop.gallery.add_person("工号七", "  Zoë Łukasiewicz ", "pl-PL", at())
    expected = Person("工号七", "Zoë Łukasiewicz", "pl-PL", "active", 0)
    assert shop.gallery.person("工号七") == expected
    assert shop.gallery.people() == [expected]


def test_people_are_listed_by_number(shop: Shop) -> None:
    for number in ("20", "10", "B"):
        shop.gallery.add_person(number, "n", "en", at())
    assert [person.number for person in shop.gallery.people()] == ["10", "20", "B"]


def test_two_spellings_of_a_number_are_one_person(shop: Shop) -> None:
    shop.gallery.add_person("e\u0301", "n", "en", at())
    with pytest.raises(DuplicatePersonError):
        shop.gallery.add_person(" \u00e9", "m", "en", at())
    assert shop.gallery.person("e\u0301") == shop.gallery.person("\u00e9")


@pytest.mark.parametrize(
    ("number", "name", "language"),
    [
        ("", "n", "en"),
        ("a\u202e", "n", "en"),
        ("1", "", "en"),
        ("1", "  ", "en"),
        ("1", "x" * 10_000_000, "en"),
        ("1", "\ud800", "en"),
        ("1", "n", ""),
    ],
)
def test_odd_people_are_refused(shop: Shop, number: str, name: str, language: str) -> None:
    with pytest.raises(InvalidValueError):
        shop.gallery.add_person(number, name, language, at())
    assert shop.gallery.people() == []


def test_nobody_is_found_by_an_odd_number(shop: Shop) -> None:
    assert shop.gallery.person("") is None
    assert shop.gallery.person("\ud800") is None


def test_an_unknown_person_has_nothing_done_to(shop: Shop) -> None:
    for change in (
        lambda: shop.gallery.withdraw("7", at()),
        lambda: shop.gallery.remove_person("7"),
        lambda: shop.gallery.set_status("7", "blocked", at()),
        lambda: consent(shop.gallery, "7"),
        lambda: shop.gallery.add_templates("7", MODEL, [(vector(1), 1, at())]),
    ):
        with pytest.raises(UnknownPersonError):
            change()


# Templates


def test_templates_come_back_as_one_matrix(shop: Shop) -> None:
    add(shop.gallery, "2", 20, 21)
    add(shop.gallery, "1", 10)
    numbers, vectors = shop.templates.active(MODEL)
    assert numbers == ["1", "2", "2"]
    assert vectors.dtype == np.float32
    assert vectors.flags["C_CONTIGUOUS"]
    assert vectors.flags["WRITEABLE"]
    np.testing.assert_array_equal(vectors, np.stack([vector(10), vector(20), vector(21)]))
    assert [person.templates for person in shop.gallery.people()] == [1, 2]


def test_no_templates_are_an_empty_matrix(shop: Shop) -> None:
    numbers, vectors = shop.templates.active(MODEL)
    assert numbers == []
    assert vectors.shape == (0, 0)
    assert vectors.dtype == np.float32


def test_templates_of_another_model_are_never_given(shop: Shop) -> None:
    add(shop.gallery, "1", 10, model=OTHER_MODEL)
    add(shop.gallery, "2", 20)
    shop.gallery.add_templates("2", OTHER_MODEL, [(vector(22), 1, at())])
    shop.gallery.add_person("3", "n", "en", at())
    assert shop.templates.active(MODEL)[0] == ["2"]
    assert shop.gallery.other_models(MODEL) == ["1"]
    assert shop.gallery.other_models(OTHER_MODEL) == []


@pytest.mark.parametrize(
    "bad",
    [
        vector(1).astype(np.float64),
        vector(1) * 1.01,
        vector(1).reshape(1, -1),
        np.zeros(192, np.float32),
        np.full(192, np.nan, np.float32),
        np.zeros(0, np.float32),
        vector(1, size=128),
    ],
)
def test_odd_vectors_are_refused_and_none_is_stored(shop: Shop, bad: NDArray[np.float32]) -> None:
    add(shop.gallery, "1", 10)
    with pytest.raises(InvalidValueError):
        shop.gallery.add_templates("1", MODEL, [(vector(2), 1, at()), (bad, 1, at())])
    assert shop.templates.active(MODEL)[0] == ["1"]


@pytest.mark.parametrize("quality", [-1, 1_000_001])
def test_a_quality_is_a_share(shop: Shop, quality: int) -> None:
    add(shop.gallery, "1", 10)
    with pytest.raises(InvalidValueError):
        shop.gallery.add_templates("1", MODEL, [(vector(2), quality, at())])


# Consent


def test_no_template_without_consent(shop: Shop) -> None:
    shop.gallery.add_person("1", "n", "en", at())
    with pytest.raises(NoConsentError):
        shop.gallery.add_templates("1", MODEL, [(vector(1), 1, at())])
    assert shop.templates.active(MODEL)[0] == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO templates VALUES (9, '1', 77, 1, 'm', x'00000000', 1, 't', 'enrolled')",
        "INSERT INTO templates VALUES (9, '2', 1, 1, 'm', x'00000000', 1, 't', 'enrolled')",
        "INSERT INTO templates VALUES (9, '1', 1, 0, 'm', x'00000000', 1, 't', 'enrolled')",
        "INSERT INTO templates VALUES (9, '1', 1, NULL, 'm', x'00000000', 1, 't', 'enrolled')",
        "UPDATE consents SET live = 0, ended_utc = 't', ended_why = 'withdrawn'",
        "DELETE FROM consents",
        "DELETE FROM people",
        "INSERT INTO consents (person, text_version, text_digest, how, given_utc) "
        "VALUES ('1', 'v', 'd', 'h', 't')",
    ],
)
def test_the_schema_itself_keeps_templates_on_live_consents(shop: Shop, sql: str) -> None:
    """Whatever program writes: none, another person's, an ended or a second live consent."""
    add(shop.gallery, "1", 10)
    shop.gallery.add_person("2", "n", "en", at())

    def write() -> None:
        with shop.gallery_db.transaction():
            shop.gallery_db.execute(sql)

    with pytest.raises(ConstraintError):
        write()
    assert shop.templates.active(MODEL)[0] == ["1"]


def test_withdrawal_deletes_templates_and_ends_the_consent(shop: Shop) -> None:
    add(shop.gallery, "1", 10, 11)
    add(shop.gallery, "2", 20)
    assert shop.gallery.withdraw("1", at(60)) == 2
    assert shop.templates.active(MODEL)[0] == ["2"]
    (entry,) = shop.gallery.consents("1")
    assert (entry.ended_why, entry.ended_utc) == ("withdrawn", "2026-03-01T06:01:00.000000Z")
    with pytest.raises(NoConsentError):
        shop.gallery.add_templates("1", MODEL, [(vector(1), 1, at())])
    assert shop.gallery.withdraw("1", at(61)) == 0


def test_who_agrees_again_can_be_enrolled_again(shop: Shop) -> None:
    add(shop.gallery, "1", 10)
    shop.gallery.withdraw("1", at(60))
    consent(shop.gallery, "1", "en-2", 120)
    shop.gallery.add_templates("1", MODEL, [(vector(12), 1, at(121))])
    assert [c.ended_why for c in shop.gallery.consents("1")] == ["withdrawn", None]
    assert shop.templates.active(MODEL)[0] == ["1"]


def test_a_newer_consent_takes_over_the_templates(shop: Shop) -> None:
    add(shop.gallery, "1", 10)
    consent(shop.gallery, "1", "en-2", 60)
    old, new = shop.gallery.consents("1")
    assert (old.text_version, old.ended_why) == ("en-1", "renewed")
    assert (new.text_version, new.how, new.witness) == ("en-2", "signed form 17", "9")
    assert shop.templates.active(MODEL)[0] == ["1"]
    assert shop.gallery.withdraw("1", at(90)) == 1


# Status


def test_who_is_blocked_is_not_recognised_and_keeps_the_templates(shop: Shop) -> None:
    add(shop.gallery, "1", 10)
    assert shop.gallery.set_status("1", "blocked", at()) == 0
    assert shop.templates.active(MODEL)[0] == []
    assert shop.gallery.other_models(OTHER_MODEL) == []
    shop.gallery.set_status("1", "active", at())
    assert shop.templates.active(MODEL)[0] == ["1"]


def test_who_leaves_loses_templates_and_consent(shop: Shop) -> None:
    add(shop.gallery, "1", 10, 11)
    assert shop.gallery.set_status("1", "left", at(60)) == 2
    person = shop.gallery.person("1")
    assert person is not None
    assert (person.status, person.templates) == ("left", 0)
    assert shop.gallery.consents("1")[0].ended_why == "left"
    with pytest.raises(ConstraintError, match="has left"):
        consent(shop.gallery, "1")


def test_a_status_is_one_of_three(shop: Shop) -> None:
    add(shop.gallery, "1", 10)
    assert get_args(Status) == ("active", "blocked", "left")
    with pytest.raises(InvalidValueError):
        shop.gallery.set_status("1", "gone", at())  # type: ignore[arg-type]  # the point


def test_removal_leaves_nothing_of_a_person(shop: Shop) -> None:
    add(shop.gallery, "1", 10, 11)
    add(shop.gallery, "2", 20)
    assert shop.gallery.remove_person("1") == 2
    assert shop.gallery.person("1") is None
    assert shop.gallery.consents("1") == []
    assert [person.number for person in shop.gallery.people()] == ["2"]
    for table in ("people", "consents", "templates"):
        assert shop.gallery_db.one(f"SELECT count(*) FROM {table}", (), int) == 1  # noqa: S608


# Noticing changes


def test_every_change_is_noticed_by_both_sides(shop: Shop) -> None:
    other = Gallery(open_database(shop.folder / "gallery.db", GALLERY_KEY, create=False))
    seen = {(shop.gallery.version(), other.version())}

    def changed() -> None:
        now = (shop.gallery.version(), other.version())
        assert now not in seen
        assert all(now[side] not in {pair[side] for pair in seen} for side in (0, 1))
        seen.add(now)

    shop.gallery.add_person("1", "n", "en", at())
    changed()
    consent(shop.gallery, "1")
    changed()
    shop.gallery.add_templates("1", MODEL, [(vector(1), 1, at())])
    changed()
    other.set_status("1", "blocked", at())
    changed()
    shop.gallery.withdraw("1", at())
    changed()
    other.remove_person("1")
    changed()
    assert (shop.gallery.version(), other.version()) in seen
    other._database.close()
