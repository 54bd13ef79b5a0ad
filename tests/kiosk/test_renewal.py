"""kiosk's part in a new certificate: it passes orders on, and tells each outcome once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.database import open_database
from store.keys import load_database_key
from store.renewal import Order, Renewal
from tests.kiosk.ordered import NOW, ordered, ordered_terminal

PEM = "-----BEGIN CERTIFICATE-----"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return ordered_terminal(tmp_path)


@pytest.fixture
def station(settings: Settings) -> Station:
    return Station(settings, Overrides(settings))


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        yield opened


@pytest.fixture
def sync(settings: Settings, stores: Stores) -> Iterator[Renewal]:
    """The other process's connection."""
    del stores
    key = load_database_key(settings.store.keys, "ledger")
    database = open_database(settings.store.directory / "ledger.db", key, create=False)
    yield Renewal(database)
    database.close()


def waiting(sync: Renewal) -> Order:
    order = sync.get()
    assert order is not None
    return order


def told(stores: Stores) -> list[dict[str, object]]:
    records = stores.ledger.records(0, 100)
    return [r.content().body for r in records if r.kind.startswith("certificate_")]


def test_an_order_goes_to_sync_and_its_request_to_headquarters_once(
    stores: Stores, station: Station, sync: Renewal
) -> None:
    assert ordered(stores, station, "rotate_certificate", 3) == ("done", "asked for")
    assert waiting(sync).number == 3
    sync.ask(3, "request")
    for _ in range(3):
        obey(stores, station, NOW)
    assert told(stores) == [{"v": 1, "request": "request"}]


def test_a_certificate_that_nobody_waits_for_is_refused(
    stores: Stores, station: Station, sync: Renewal
) -> None:
    outcome = ordered(stores, station, "install_certificate", 1, certificate=PEM)
    assert outcome == (
        "refused",
        "no key waits for a certificate; rotate_certificate asks for one",
    )
    ordered(stores, station, "rotate_certificate", 2)
    assert ordered(stores, station, "install_certificate", 3, certificate=PEM)[0] == "refused"
    assert waiting(sync).certificate is None


@pytest.mark.parametrize("conclusion", ["refused", "rejected"])
def test_after_a_wrong_certificate_the_key_waits_on(
    stores: Stores, station: Station, sync: Renewal, conclusion: str
) -> None:
    ordered(stores, station, "rotate_certificate", 1)
    sync.ask(1, "request")
    obey(stores, station, NOW)
    for number in (2, 3):
        outcome = ordered(stores, station, "install_certificate", number, certificate=PEM)
        assert outcome == ("done", "passed on")
        sync.conclude(waiting(sync), conclusion, "why")  # type: ignore[arg-type]
        for _ in range(2):
            obey(stores, station, NOW)
    assert [body.get("outcome") for body in told(stores)] == [None, conclusion, conclusion]
    assert waiting(sync).request == "request"


def test_what_is_installed_is_told_once_and_done_with(
    stores: Stores, station: Station, sync: Renewal
) -> None:
    ordered(stores, station, "rotate_certificate", 1)
    sync.ask(1, "request")
    obey(stores, station, NOW)
    ordered(stores, station, "install_certificate", 2, certificate=PEM)
    sync.conclude(waiting(sync), "installed")
    for _ in range(2):
        obey(stores, station, NOW)
    assert [body.get("outcome") for body in told(stores)] == [None, "installed"]
    assert sync.get() is None


def test_what_sync_says_of_an_order_that_another_took_the_place_of_is_nothing(
    stores: Stores, station: Station, sync: Renewal
) -> None:
    ordered(stores, station, "rotate_certificate", 1)
    old = waiting(sync)
    ordered(stores, station, "rotate_certificate", 2)
    sync.ask(1, "request")
    sync.conclude(old, "installed")
    obey(stores, station, NOW)
    assert waiting(sync) == Order(2, None, False, None, None, "")
    assert told(stores) == []
