"""Templates as one body: what changed, what each is, and all under one transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from store.errors import OtherProtectionError
from store.genuine import WEEKS_KEPT, Genuine
from store.people import Vector
from store.records import Adaptation, Deletion, RenewalDue
from store.register import Agreement, Register
from store.templates import Templates
from tests.store.made import (
    GALLERY_KEY,
    MODEL,
    OTHER_MODEL,
    PowerCut,
    Shop,
    at,
    cut_power_at,
    vector,
)
from tests.store.pages import traces

DAY = 86400
AGREED = Agreement("en-1", "ef" * 32, "form")


@pytest.fixture
def register(shop: Shop) -> Register:
    return Register(shop.gallery_db, shop.ledger)


def enrol(register: Register, number: str, *seeds: int, **more: object) -> None:
    rows = [(vector(seed), 900_000, at()) for seed in seeds]
    register.enrol(number, "n", "en", AGREED, MODEL, rows, at(), **more)  # type: ignore[arg-type]


def told(shop: Shop, kind: type) -> list[object]:
    bodies = [record.content().known_body() for record in shop.ledger.records(0, 100)]
    return [body for body in bodies if isinstance(body, kind)]


# What changed


def test_only_who_changed_is_read_again(shop: Shop, register: Register) -> None:
    templates = Templates(shop.gallery_db)
    enrol(register, "1", 10)
    enrol(register, "2", 20)
    enrol(register, "3", 30)
    seen = templates.position()
    assert templates.changed_since(seen).people == []
    changes: list[tuple[Callable[[], object], list[str], bool]] = [
        (lambda: enrol(register, "2", 21), ["2"], False),
        (lambda: register.block("1", at()), ["1"], False),
        (lambda: register.unblock("1", at()), ["1"], False),
        (lambda: register.withdraw("3", at()), ["3"], False),
        (lambda: register.remove("2", at()), [], True),
        (lambda: register.set_roles("1", ["auditor"], at()), [], False),
    ]
    for change, people, removed in changes:
        change()
        found = templates.changed_since(seen)
        assert (found.people, found.removed) == (people, removed)
        seen = found.position
    assert templates.numbers() == {"1", "3"}


def test_of_the_named_people_only_theirs_are_read(shop: Shop, register: Register) -> None:
    templates = Templates(shop.gallery_db)
    enrol(register, "1", 10, 11)
    enrol(register, "2", 20)
    numbers, vectors = templates.active(MODEL, ["1", "9"])
    assert numbers == ["1", "1"]
    np.testing.assert_array_equal(vectors, np.stack([vector(10), vector(11)]))
    assert templates.active(MODEL, [])[0] == []


def test_who_is_removed_leaves_no_number_behind(shop: Shop, register: Register) -> None:
    number = "person-7733"
    enrol(register, number, 10)
    Genuine(shop.gallery_db).add(number, 700_000, at())
    register.ask_renewal(number, at())
    register.remove(number, at())
    tables = shop.gallery_db.rows("SELECT name FROM sqlite_master WHERE type = 'table'", (), str)
    assert {"gallery_clock", "genuine", "renewals"} <= set(tables)
    for table in tables:
        rows = shop.gallery_db.rows(f"SELECT * FROM {table}", (), lambda *row: row)  # noqa: S608
        assert number not in str(rows)


# What each is


def test_a_template_tells_all_but_its_vector(shop: Shop, register: Register) -> None:
    enrol(register, "1", 10)
    register.adapt("1", MODEL, (vector(11), 800_000, at(60)), at(60))
    first, second = Templates(shop.gallery_db).entries("1")
    assert (first.model, first.quality_millionths, first.origin) == (MODEL, 900_000, "enrolled")
    assert (second.made_utc, second.origin) == ("2026-03-01T06:01:00.000000Z", "adaptive")


def test_photos_that_replace_templates_are_told_and_erase_them(
    shop: Shop, register: Register
) -> None:
    enrol(register, "1", 10, 11)
    first, _ = Templates(shop.gallery_db).entries("1")
    enrol(register, "1", 12, replaced=[first.id])
    assert told(shop, Deletion) == [Deletion(person="1", templates=1, reason="replaced")]
    assert not traces(shop.folder / "gallery.db", GALLERY_KEY, vector(10).tobytes())
    assert traces(shop.folder / "gallery.db", GALLERY_KEY, vector(11).tobytes())


def test_adaptive_templates_can_be_taken_back_without_a_trace(
    shop: Shop, register: Register
) -> None:
    enrol(register, "1", 10)
    register.adapt("1", MODEL, (vector(11), 800_000, at()), at())
    assert register.unadapt("1", at()) == 1
    assert register.unadapt("1", at()) == 0
    assert [e.origin for e in Templates(shop.gallery_db).entries("1")] == ["enrolled"]
    assert told(shop, Adaptation) == [
        Adaptation(person="1", added=1, removed=0),
        Adaptation(person="1", added=0, removed=1),
    ]
    assert not traces(shop.folder / "gallery.db", GALLERY_KEY, vector(11).tobytes())


# One transform


def turned(vectors: Vector) -> Vector:
    return np.roll(vectors, 1, axis=1)


def test_a_conversion_reaches_every_model_and_leaves_no_old_vector(
    shop: Shop, register: Register
) -> None:
    templates = Templates(shop.gallery_db)
    enrol(register, "1", 10, 11)
    other = (vector(12, size=128), 1, at())
    shop.gallery.add_templates("1", OTHER_MODEL, [other])
    assert templates.protection() is None
    assert templates.convert(None, "a" * 16, turned) == 3
    assert templates.protection() == "a" * 16
    np.testing.assert_array_equal(
        templates.active(MODEL)[1], turned(np.stack([vector(10), vector(11)]))
    )
    for old in (vector(10), vector(11), vector(12, size=128)):
        assert not traces(shop.folder / "gallery.db", GALLERY_KEY, old.tobytes())


def test_a_template_of_another_transform_is_refused(shop: Shop, register: Register) -> None:
    templates = Templates(shop.gallery_db)
    templates.convert(None, "a" * 16, turned)
    with pytest.raises(OtherProtectionError):
        enrol(register, "1", 10, protection="b" * 16)
    with pytest.raises(OtherProtectionError):
        templates.convert("b" * 16, "c" * 16, turned)
    enrol(register, "1", 10, protection="a" * 16)
    assert shop.templates.active(MODEL)[0] == ["1"]


def test_a_power_cut_leaves_all_old_or_all_new(
    shop: Shop, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(register, "1", 10, 11)
    templates = Templates(shop.gallery_db)
    old = templates.active(MODEL)[1]
    states = set()
    for statement in range(12):
        used = templates.protection()
        before = templates.active(MODEL)[1]
        new = f"{statement:016x}"
        with monkeypatch.context() as patch:
            cut_power_at(patch, statement)
            try:
                templates.convert(used, new, turned)
            except PowerCut:
                shop.gallery_db._connection.rollback()
        after = templates.active(MODEL)[1]
        done = templates.protection() == new
        np.testing.assert_array_equal(after, turned(before) if done else before)
        states.add(done)
    assert states == {True, False}
    assert old.shape == (2, 192)


# Ageing


def test_weeks_hold_counts_and_sums_and_only_the_ends_stay(shop: Shop, register: Register) -> None:
    enrol(register, "1", 10)
    genuine = Genuine(shop.gallery_db)
    genuine.add("1", 600_000, at())
    (week,) = genuine.add("1", 700_000, at(60))
    assert (week.monday, week.count, week.total) == ("2026-02-23", 2, 1_300_000)
    assert week.squares == 360_000 + 490_000
    for number in range(1, 20):
        genuine.add("1", 500_000, at(number * 7 * DAY))
    kept = [w.monday for w in genuine.weeks("1")]
    assert len(kept) == 2 * WEEKS_KEPT
    assert (kept[0], kept[3], kept[-1]) == ("2026-02-23", "2026-03-16", "2026-07-06")


def test_a_renewal_is_told_once_and_ends_with_an_enrolment(shop: Shop, register: Register) -> None:
    enrol(register, "1", 10)
    Genuine(shop.gallery_db).add("1", 600_000, at())
    assert register.ask_renewal("1", at())
    assert not register.ask_renewal("1", at())
    register.adapt("1", MODEL, (vector(11), 1, at()), at())  # no enrolment
    person = shop.gallery.person("1")
    assert person is not None
    assert person.renewal_due
    enrol(register, "1", 12)
    assert not shop.gallery.people()[0].renewal_due
    assert Genuine(shop.gallery_db).weeks("1") == []
    assert register.ask_renewal("1", at())
    assert told(shop, RenewalDue) == [RenewalDue(person="1")] * 2


def test_the_weeks_go_with_the_templates(shop: Shop, register: Register) -> None:
    genuine = Genuine(shop.gallery_db)
    enrol(register, "1", 10)
    genuine.add("1", 600_000, at())
    register.ask_renewal("1", at())
    register.withdraw("1", at())
    assert genuine.weeks("1") == []
    assert genuine.renewals() == 0
    assert genuine.add("1", 600_000, at()) == []  # a punch that was on its way
