"""What headquarters orders: done once, recorded and answered; everything else changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kiosk.enrolment import enrol
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.documents import seal_document
from store.orders import ORDERS
from store.records import Punch
from tests.kiosk.made import LIMITS, MODEL, applicant, samples
from tests.kiosk.ordered import (
    HQ,
    NAME,
    NOW,
    NUMBER,
    UTC_NOW,
    at,
    kinds,
    order,
    ordered,
    ordered_terminal,
    post,
    replies,
)

STRANGER = Ed25519PrivateKey.generate()
LATER = (UTC_NOW + timedelta(days=400)).isoformat()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return ordered_terminal(tmp_path)


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        yield opened


@pytest.fixture
def station(settings: Settings) -> Station:
    return Station(settings, Overrides(settings), {"embedder": MODEL}, "cd" * 32)


def enrolled(stores: Stores, number: str = NUMBER) -> None:
    enrol(stores, MODEL, applicant(number), samples(1, 0, 1), LIMITS, NOW)


def test_a_replay_is_done_once_recorded_and_answered(stores: Stores, station: Station) -> None:
    document = post(stores, "replay", arguments={"from_seq": 3})
    stores.delivery.post_inbox("command", document)
    assert obey(stores, station, NOW) == 2
    assert stores.delivery.take_replay() == 3
    assert replies(stores) == [("done", "from 3")]
    assert kinds(stores) == ["command_done", "commands_refused"]
    assert station.refused == {"replayed": 1}
    assert stores.delivery.inbox(10) == []


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "malformed"),
        (b"{}", "malformed"),
        (b'{"body":{},"signature":""}', "forged"),
        (seal_document(STRANGER, "command", order("ping")), "forged"),
        (seal_document(HQ, "receipt", order("ping")), "forged"),
        (seal_document(HQ, "command", order("ping", terminal="gate-b")), "misaddressed"),
        (seal_document(HQ, "command", order("ping", number=0)), "malformed"),
        (seal_document(HQ, "command", {"v": 1}), "malformed"),
    ],
)
def test_what_is_no_order_to_us_changes_nothing_and_is_reported(
    stores: Stores, station: Station, document: bytes, reason: str
) -> None:
    stores.delivery.post_inbox("command", document)
    obey(stores, station, NOW)
    assert replies(stores) == []
    assert stores.delivery.last_command_number() == 0
    assert stores.delivery.inbox(10) == []
    [record] = stores.ledger.records(0, 10)
    assert record.kind == "commands_refused"
    assert record.content().body["reasons"] == {reason: 1}


def test_a_flood_of_forged_commands_leaves_one_record_an_hour(
    stores: Stores, station: Station
) -> None:
    forged = seal_document(STRANGER, "command", order("ping"))
    for second in range(0, 7200, 60):
        stores.delivery.post_inbox("command", forged)
        obey(stores, station, at(second))
    records = stores.ledger.records(0, 1000)
    assert [r.content().body["reasons"] for r in records] == [{"forged": 1}, {"forged": 61}]
    assert station.refused == {"forged": 120}


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"expires": (UTC_NOW - timedelta(seconds=1)).isoformat()}, "expired"),
        ({"type": "dance"}, "unknown type"),
        ({"type": "replay", "arguments": {"from_seq": 0}}, "malformed arguments"),
        ({"type": "withdraw", "arguments": {"number": ""}}, "malformed arguments"),
        ({"type": "upsert_employee", "arguments": {"number": "1"}}, "malformed arguments"),
    ],
)
def test_an_order_that_cannot_be_done_is_answered_with_the_reason(
    stores: Stores, station: Station, changes: dict[str, Any], detail: str
) -> None:
    post(stores, **changes)
    obey(stores, station, NOW)
    assert replies(stores) == [("refused", detail)]
    assert stores.ledger.records(0, 10)[0].content().body["detail"] == detail


def test_numbers_may_have_gaps_and_what_is_overtaken_is_never_done(
    stores: Stores, station: Station
) -> None:
    for number in (9, 4, 700):  # together: the lower number goes first
        post(stores, number=number)
    obey(stores, station, NOW)
    commands = [r.content().body["command"] for r in stores.ledger.records(0, 10)]
    assert commands == ["c-4", "c-9", "c-700"]
    post(stores, "block", 699, arguments={"number": "1"})
    obey(stores, station, NOW)
    assert len(replies(stores)) == 3
    assert station.refused == {"replayed": 1}


def test_an_expired_order_uses_up_its_number(stores: Stores, station: Station) -> None:
    post(stores, number=5, expires=(UTC_NOW - timedelta(seconds=1)).isoformat())
    obey(stores, station, NOW)
    post(stores, number=5)
    obey(stores, station, NOW)
    assert replies(stores) == [("refused", "expired")]


def test_an_employee_is_added_then_changed_and_then_left(stores: Stores, station: Station) -> None:
    one = {"number": NUMBER, "name": NAME, "language": "de"}
    added = ordered(stores, station, "upsert_employee", 1, **one, keep_until=LATER)
    assert added == ("done", "added")
    person = stores.gallery.person(NUMBER)
    assert person is not None
    assert (person.name, person.language, person.status) == (NAME, "de", "active")
    assert person.keep_until_utc == "2027-12-29T06:00:00.000000Z"
    again = ordered(stores, station, "upsert_employee", 2, **one, status="blocked")
    assert again == ("done", "changed")
    person = stores.gallery.person(NUMBER)
    assert person is not None
    assert (person.status, person.keep_until_utc) == ("blocked", None)
    ordered(stores, station, "upsert_employee", 3, **one, status="active")
    enrolled(stores)
    ordered(stores, station, "upsert_employee", 4, **one, status="left")
    assert stores.templates.active(MODEL)[0] == []
    person = stores.gallery.person(NUMBER)
    assert person is not None
    assert person.status == "left"


def test_blocking_stops_recognition_and_keeps_the_templates(
    stores: Stores, station: Station
) -> None:
    enrolled(stores)
    assert ordered(stores, station, "block") == ("refused", "malformed arguments")
    post(stores, "block", 2, arguments={"number": NUMBER})
    obey(stores, station, NOW)
    assert replies(stores)[-1] == ("done", "")
    assert stores.templates.active(MODEL)[0] == []
    person = stores.gallery.person(NUMBER)
    assert person is not None
    assert person.templates > 0
    post(stores, "block", 3, arguments={"number": "nobody"})
    obey(stores, station, NOW)
    assert replies(stores)[-1] == ("refused", "nobody has this number here")


@pytest.mark.parametrize(("type", "stays"), [("withdraw", True), ("erase", False)])
def test_withdrawing_and_erasing_delete_the_templates_wherever_headquarters_says_so(
    stores: Stores, station: Station, type: str, stays: bool
) -> None:
    enrolled(stores)
    post(stores, type, 1, arguments={"number": NUMBER})
    post(stores, type, 2, arguments={"number": "never seen"})
    obey(stores, station, NOW)
    assert replies(stores) == [
        ("done", "2 templates deleted"),
        ("done", "nobody has this number here"),
    ]
    assert stores.templates.active(MODEL)[0] == []
    assert (stores.gallery.person(NUMBER) is not None) == stays
    assert not stores.gallery.erasure_pending()


def test_a_purge_deletes_what_is_past_its_time(stores: Stores, station: Station) -> None:
    stores.gallery.add_person("1", "N", "en", NOW)
    stores.gallery.set_keep_until("1", UTC_NOW - timedelta(days=1))
    assert ordered(stores, station, "purge")[0] == "done"
    person = stores.gallery.person("1")
    assert person is not None
    assert person.status == "left"
    post(stores, "purge", 2)
    obey(stores, station, NOW.model_copy(update={"synchronised": False}))
    assert replies(stores)[-1][0] == "refused"


def test_diagnostics_say_what_runs_and_nothing_of_anybody(stores: Stores, station: Station) -> None:
    stores.gallery.add_person(NUMBER, NAME, "de", NOW)
    enrolled(stores)
    stores.ledger.append(Punch(person=NUMBER, method="face"), NOW)
    station.refuse("forged")
    outcome, detail = ordered(stores, station, "diagnostics")
    facts = json.loads(detail)
    assert outcome == "done"
    assert facts["models"] == {"embedder": MODEL[:16]}
    assert (facts["people"], facts["templates"]) == (1, 2)
    assert facts["refused"] == {"forged": 1}
    assert facts["disk_free_mb"] > 0
    assert (facts["settings"], facts["trial"], facts["faults"]) == ("cd" * 8, "no", {})
    assert not any(word in detail for word in (NUMBER, *NAME.split()))


def test_a_reboot_asks_the_daemon_to_end_in_order(stores: Stores, station: Station) -> None:
    assert ordered(stores, station, "reboot_daemon") == ("done", "")
    assert station.restart == "ordered"


@given(
    type=st.sampled_from([*ORDERS, "dance", ""]),
    arguments=st.dictionaries(
        st.sampled_from(["number", "name", "settings", "from_seq", "keep_until", "status", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53 - 1) | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    ),
)
@hypothesis_settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_whatever_is_signed_is_answered_and_never_stops_the_inbox(
    stores: Stores, station: Station, type: str, arguments: dict[str, Any]
) -> None:
    try:
        post(stores, type, stores.delivery.last_command_number() + 1, arguments=arguments)
    except ValueError:
        return  # headquarters cannot sign that: a lone surrogate
    obey(stores, station, NOW)
    assert stores.delivery.inbox(10) == []
