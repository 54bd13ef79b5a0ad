"""What the tests of orders are made of: a terminal that trusts a headquarters, and its commands."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.orders import obey
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores
from store.documents import open_document, seal_document
from store.keys import create_keys
from store.records import Instant
from store.settings import HqSection, StoreSection, Terminal

HQ = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TERMINAL = Terminal(site="plant-1", name="gate-a", zone="Europe/Berlin")
UTC_NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
NUMBER, NAME = "4711", "Erika Mustermann"  # must appear in no reply


# `ordered_terminal` as the file that commands read, to be gone on with.
TOML = """
[terminal]
site = "plant-1"
name = "gate-a"
zone = "Europe/Berlin"
[store]
directory = "."
keys = "keys"
[hq]
public_key = "hq.pub"
"""


def at(seconds: float = 0) -> Instant:
    """So many seconds after the tests' morning."""
    return Instant(
        utc=UTC_NOW + timedelta(seconds=seconds),
        zone="Europe/Berlin",
        boot="b",
        monotonic_ns=1 + int(seconds * 1e9),
        synchronised=True,
        error_ms=1,
    )


NOW = at()


def ordered_terminal(folder: Path, name: str = "gate-a") -> Settings:
    """A new terminal's settings; its headquarters is `HQ`."""
    create_keys(folder / "keys")
    public = HQ.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "hq.pub").write_bytes(public)
    return Settings(
        terminal=TERMINAL.model_copy(update={"name": name}),
        store=StoreSection(directory=folder, keys=folder / "keys"),
        hq=HqSection(public_key=folder / "hq.pub"),
    )


def copied(settings: Settings, folder: Path) -> Settings:
    """The same terminal with its databases as they are now, in another folder."""
    shutil.copytree(settings.store.directory, folder)
    store = StoreSection(directory=folder, keys=settings.store.keys)
    return settings.model_copy(update={"store": store})


def order(type: str = "ping", number: int = 1, **changes: Any) -> dict[str, Any]:
    """A command's body."""
    return {
        "v": 1,
        "id": f"c-{number}",
        "number": number,
        "site": "plant-1",
        "terminal": "gate-a",
        "type": type,
        "expires": (UTC_NOW + timedelta(minutes=5)).isoformat(),
        "arguments": {},
        **changes,
    }


def post(stores: Stores, type: str = "ping", number: int = 1, **changes: Any) -> bytes:
    """Put a command of headquarters into the inbox."""
    document = seal_document(HQ, "command", order(type, number, **changes))
    stores.delivery.post_inbox("command", document)
    return document


def ordered(
    stores: Stores, station: Station, type: str, nth: int = 1, **arguments: Any
) -> tuple[str, str]:
    """Post one command, have it obeyed, and return the outcome and the detail of its reply."""
    post(stores, type, nth, arguments=arguments)
    obey(stores, station, NOW)
    return replies(stores)[-1]


def replies(stores: Stores) -> list[tuple[str, str]]:
    """(outcome, detail) of every signed reply, oldest first."""
    key = stores.signer.public_key()
    bodies = [open_document(key, "reply", m.document) for m in stores.delivery.replies(1000)]
    return [(str(body["outcome"]), str(body["detail"])) for body in bodies]


def kinds(stores: Stores) -> list[str]:
    """The kinds of the ledger's records."""
    return [record.kind for record in stores.ledger.records(0, 1000)]
