"""Badges and PINs that headquarters sends with an employee."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.overrides import Overrides
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.pins import PinHasher
from tests.kiosk.ordered import NAME, NOW, NUMBER, kinds, ordered, ordered_terminal
from tests.store.made import CHEAP

CODES = ["0009127734", "04A2FF"]
HASHER = PinHasher(CHEAP)
PIN_HASH = HASHER.hash("2718")
ONE = {"number": NUMBER, "name": NAME}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with open_stores(ordered_terminal(tmp_path)) as opened:
        yield opened


@pytest.fixture
def station(tmp_path: Path, stores: Stores) -> Station:
    settings = ordered_terminal(tmp_path)
    return Station(settings, Overrides(settings), {}, "cd" * 32)


def owners(stores: Stores, *codes: str) -> list[str | None]:
    return [stores.credentials.owner(stores.badge_key.badge(code)) for code in codes]


def test_an_employee_comes_with_badges_and_pin(stores: Stores, station: Station) -> None:
    given = {**ONE, "badges": CODES, "pin_hash": PIN_HASH}
    assert ordered(stores, station, "upsert_employee", 1, **given) == ("done", "added")
    assert owners(stores, *CODES) == [NUMBER, NUMBER]
    assert HASHER.matches(stores.credentials.pin_hash(NUMBER), "2718")
    told = kinds(stores)
    assert told == ["person_entry", *["credential_change"] * 3, "command_done"]
    ordered(stores, station, "upsert_employee", 2, **given)
    assert kinds(stores) == [*told, "command_done"], "what they have already is no change"


def test_null_leaves_what_there_is_and_a_list_is_all_there_shall_be(
    stores: Stores, station: Station
) -> None:
    ordered(stores, station, "upsert_employee", 1, **ONE, badges=CODES, pin_hash=PIN_HASH)
    ordered(stores, station, "upsert_employee", 2, **ONE)
    assert owners(stores, *CODES) == [NUMBER, NUMBER]
    ordered(stores, station, "upsert_employee", 3, **ONE, badges=[CODES[1], "04A300"])
    assert owners(stores, *CODES, "04A300") == [None, NUMBER, NUMBER]
    assert stores.credentials.pin_hash(NUMBER) == PIN_HASH
    ordered(stores, station, "upsert_employee", 4, **ONE, badges=[], pin_hash="")
    assert owners(stores, CODES[1]) == [None]
    assert stores.credentials.pin_hash(NUMBER) is None


def test_who_left_gets_neither(stores: Stores, station: Station) -> None:
    ordered(stores, station, "upsert_employee", 1, **ONE, badges=CODES, pin_hash=PIN_HASH)
    left = {**ONE, "status": "left", "badges": CODES, "pin_hash": PIN_HASH}
    assert ordered(stores, station, "upsert_employee", 2, **left) == ("done", "changed")
    assert owners(stores, *CODES) == [None, None]
    assert stores.credentials.pin_hash(NUMBER) is None


def test_a_badge_of_somebody_else_refuses_the_whole_order_and_names_nobody(
    stores: Stores, station: Station
) -> None:
    stores.gallery.add_person("1001", "A", "en", NOW)
    stores.register.set_badge("1001", stores.badge_key.badge(CODES[1]), NOW)
    outcome, detail = ordered(stores, station, "upsert_employee", 1, **ONE, badges=CODES)
    assert (outcome, "somebody else's" in detail) == ("refused", True)
    assert not [word for word in (NUMBER, "1001", *CODES) if word in detail]
    assert stores.gallery.person(NUMBER) is None
    assert owners(stores, *CODES) == [None, "1001"]


def test_what_cannot_be_a_badge_or_a_hash_is_refused(stores: Stores, station: Station) -> None:
    wrong: list[dict[str, object]] = [
        {"badges": [""]},
        {"badges": ["a\nb"]},
        {"badges": ["x" * 129]},
        {"badges": ["1"] * 17},
        {"pin_hash": "2718"},
        {"pin_hash": PIN_HASH.replace("argon2id", "argon2i")},
        {"pin_hash": PIN_HASH.replace("m=64", "m=4194304")},
    ]
    for nth, given in enumerate(wrong, 1):
        outcome, detail = ordered(stores, station, "upsert_employee", nth, **ONE, **given)
        assert outcome == "refused"
        assert "argon2id" in detail or detail == "malformed arguments"
    assert stores.gallery.person(NUMBER) is None
