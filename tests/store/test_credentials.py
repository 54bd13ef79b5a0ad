"""Badges and PINs in the gallery, and the records that tell of them."""

from __future__ import annotations

import pytest

from store.attempts import Attempts, Subject, Tries
from store.credentials import BadgeKey, CredentialTables
from store.errors import (
    ConstraintError,
    InvalidValueError,
    TakenBadgeError,
    UnknownPersonError,
)
from store.people import MAX_BADGES
from store.pins import PinHasher
from store.records import Body, CredentialChange, Deletion, PersonStatus
from store.register import Register
from store.secret import Secret
from tests.store.made import CHEAP, GALLERY_KEY, Shop, at
from tests.store.pages import traces

KEY = BadgeKey(Secret.copy_of(bytes(range(128, 160))))
OTHER_KEY = BadgeKey(Secret.copy_of(bytes(range(160, 192))))
CODE = "0009127734"
PIN_HASH = PinHasher(CHEAP).hash("2718")
GONE = CredentialChange(person="1001", credential="badge", change="removed")
GONE_PIN = CredentialChange(person="1001", credential="pin", change="removed")


@pytest.fixture
def register(shop: Shop) -> Register:
    register = Register(shop.gallery_db, shop.ledger)
    for number in ("1001", "1002"):
        shop.gallery.add_person(number, "A", "en", at())
    return register


@pytest.fixture
def tables(shop: Shop) -> CredentialTables:
    return CredentialTables(shop.gallery_db)


def told(shop: Shop) -> list[Body | None]:
    return [record.content().known_body() for record in shop.ledger.records(0, 1000)]


def test_a_badge_is_found_by_its_code_in_either_case(
    register: Register, tables: CredentialTables
) -> None:
    assert register.set_badge("1001", KEY.badge("04a2:ff\r\n"), at())
    assert tables.owner(KEY.badge(" 04A2:FF ")) == "1001"
    assert tables.owner(KEY.badge("04A2:FE")) is None


def test_each_change_is_one_record_and_no_change_is_none(shop: Shop, register: Register) -> None:
    assert register.set_badge("1001", KEY.badge(CODE), at())
    assert not register.set_badge("1001", KEY.badge(CODE), at())
    register.set_pin("1001", PIN_HASH, at())
    assert register.remove_badges("1001", at()) == 1
    assert register.remove_badges("1001", at()) == 0
    assert register.remove_pin("1001", at())
    assert not register.remove_pin("1001", at())
    badge = CredentialChange(person="1001", credential="badge", change="set")
    pin = CredentialChange(person="1001", credential="pin", change="set")
    assert told(shop) == [badge, pin, GONE, GONE_PIN]


def test_somebody_has_several_badges_and_one_pin(
    register: Register, tables: CredentialTables
) -> None:
    for n in range(MAX_BADGES):
        assert tables.add_badge("1001", KEY.badge(f"{CODE}{n}"), at())
    assert tables.badges("1001") == MAX_BADGES
    with pytest.raises(InvalidValueError, match="remove some"):
        register.set_badge("1001", KEY.badge(CODE), at())
    second = PinHasher(CHEAP).hash("3141")
    for text in (PIN_HASH, second):
        register.set_pin("1001", text, at())
    assert tables.pin_hash("1001") == second


def test_a_badge_is_one_person_s(shop: Shop, register: Register, tables: CredentialTables) -> None:
    register.set_badge("1001", KEY.badge(CODE), at())
    with pytest.raises(TakenBadgeError) as refused:
        register.set_badge("1002", KEY.badge(CODE), at())
    assert CODE not in str(refused.value)
    assert "1001" not in str(refused.value)
    assert tables.owner(KEY.badge(CODE)) == "1001"
    assert len(told(shop)) == 1


def test_withdrawal_keeps_badge_and_pin_and_leaving_or_removal_deletes_them(
    shop: Shop, register: Register, tables: CredentialTables
) -> None:
    for number in ("1001", "1002"):
        register.set_badge(number, KEY.badge(CODE + number), at())
        register.set_pin(number, PIN_HASH, at())
    register.withdraw("1001", at())
    assert (tables.badges("1001"), tables.pin_hash("1001")) == (1, PIN_HASH)
    before = len(told(shop))
    register.leave("1001", at())
    left = PersonStatus(person="1001", status="left")
    assert told(shop)[before:] == [GONE, GONE_PIN, left]
    assert (tables.badges("1001"), tables.pin_hash("1001")) == (0, None)
    register.remove("1002", at())
    assert told(shop)[-1] == Deletion(person="1002", templates=0, reason="removed")
    assert shop.gallery_db.rows("SELECT person FROM badges", (), str) == []
    assert shop.gallery_db.rows("SELECT person FROM pins", (), str) == []


def test_who_has_left_gets_neither(register: Register) -> None:
    register.leave("1001", at())
    for give in (
        lambda: register.set_badge("1001", KEY.badge(CODE), at()),
        lambda: register.set_pin("1001", PIN_HASH, at()),
    ):
        with pytest.raises(ConstraintError):
            give()
    with pytest.raises(UnknownPersonError):
        register.set_pin("4711", PIN_HASH, at())


def test_a_new_pin_begins_with_a_fresh_count(shop: Shop, register: Register) -> None:
    attempts, subject = Attempts(shop.gallery_db), Subject("person", "1001")
    attempts.put(subject, Tries(9, "b", 1))
    register.set_pin("1001", PIN_HASH, at())
    assert attempts.get(subject) is None


def test_what_is_no_hash_is_no_pin(shop: Shop, register: Register) -> None:
    with pytest.raises(InvalidValueError):
        register.set_pin("1001", "2718", at())
    assert told(shop) == []


@pytest.mark.parametrize("code", ["", "  \r\n", "x" * 129, "a\x00b", "é"])
def test_what_no_reader_types_is_no_badge(code: str) -> None:
    with pytest.raises(InvalidValueError):
        KEY.badge(code)


def test_codes_are_kept_keyed_and_shown_nowhere(shop: Shop, register: Register) -> None:
    badge = KEY.badge(CODE)
    register.set_badge("1001", badge, at())
    path = shop.folder / "gallery.db"
    assert traces(path, GALLERY_KEY, badge.hash), "the search finds what is there"
    assert not traces(path, GALLERY_KEY, CODE.encode())
    assert OTHER_KEY.badge(CODE).hash != badge.hash
    for shown in (repr(badge), repr(KEY), *(str(body) for body in told(shop))):
        assert CODE not in shown
        assert badge.hash.hex() not in shown
    assert repr(badge.hash) not in repr(badge)


@pytest.mark.parametrize("how", ["removed", "leave", "remove"])
def test_nothing_of_a_deleted_badge_or_pin_is_left_even_for_the_key(
    shop: Shop, register: Register, how: str
) -> None:
    badge = KEY.badge(CODE)
    register.set_badge("1001", badge, at())
    register.set_pin("1001", PIN_HASH, at())
    path = shop.folder / "gallery.db"
    needles = (badge.hash, PIN_HASH[-20:].encode())
    assert all(traces(path, GALLERY_KEY, needle) for needle in needles)
    if how == "removed":
        register.remove_badges("1001", at())
        register.remove_pin("1001", at())
    else:
        getattr(register, how)("1001", at())
    assert not any(traces(path, GALLERY_KEY, needle) for needle in needles)


def test_badges_of_another_key_are_counted_and_never_found(
    register: Register, tables: CredentialTables
) -> None:
    register.set_badge("1001", OTHER_KEY.badge(CODE), at())
    register.set_badge("1001", KEY.badge(CODE), at())
    assert tables.foreign(KEY) == tables.foreign(OTHER_KEY) == 1
    assert tables.owner(BadgeKey(Secret.random(32)).badge(CODE)) is None
