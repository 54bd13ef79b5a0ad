"""Enrolled at A, known at B; what the broker, headquarters and B's mailbox saw opens only at B."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hq.commands import command_lines
from hq.keys import load_key
from hq.reports import terminal_lines
from hq.sharing import share
from hq.tables import METADATA
from hq.terminals import add_terminal
from kiosk.errors import SealError
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings, TemplatesSection
from kiosk.station import Station
from kiosk.stores import open_stores
from kiosk.template_seal import Envelope, open_seal
from morning.broker import Broker
from morning.pki import Authority
from store.keys import create_keys, load_sealing_key
from store.settings import HqSection, StoreSection
from sync.contract.topics import Address
from tests.hq.eavesdropping import Eavesdropper, pieces, shows, strings
from tests.hq.plant import TERMINAL, Plant, Program
from tests.kiosk.gates import Gate
from tests.kiosk.made import MODEL
from tests.store.made import vector
from tests.sync.made import instant, until

ONE = "4711"


@dataclass
class Site:
    """Gates A and B with sync processes, headquarters, and somebody who reads along."""

    plant: Plant
    a: Gate
    b: Gate
    spy: Eavesdropper

    def obey(self, *gates: Gate) -> None:
        for gate in gates:
            obey(gate.stores, gate.station, instant(datetime.now(UTC)))

    def states(self) -> list[tuple[str, str, str]]:
        lines = command_lines(self.plant.database, datetime.now(UTC))
        return [(line["terminal"], line["type"], line["state"]) for line in lines]

    def rows(self) -> list[bytes]:
        """Every cell of headquarters' database."""
        rows: list[bytes] = []
        with self.plant.database.read() as connection:
            for table in METADATA.sorted_tables:
                for row in connection.execute(table.select()):
                    rows += [c if isinstance(c, bytes) else str(c).encode() for c in row]
        return rows

    def headquarters(self) -> list[bytes]:
        """That, and the database's files."""
        return [*self.rows(), *(p.read_bytes() for p in self.plant.folder.glob("hq.db*"))]


def gate(stack: ExitStack, plant: Plant, name: str, folder: Path) -> Gate:
    settings = Settings(
        terminal=TERMINAL.model_copy(update={"name": name}),
        store=StoreSection(directory=folder / "data", keys=folder / "keys"),
        hq=HqSection(public_key=plant.folder / "hq-keys" / "hq.pub"),
        templates=TemplatesSection(share=True),
    )
    stores = stack.enter_context(open_stores(settings))
    sealing = load_sealing_key(stores.keys).public_key()
    public = stores.signer.public_key()
    add_terminal(plant.database, Address("plant-1", name), public, datetime.now(UTC), sealing)
    return Gate(settings, stores, Station(settings, Overrides(settings), {"embedder": MODEL}))


@pytest.fixture
def site(plant: Plant, authority: Authority, broker: Broker) -> Iterator[Site]:
    now = datetime.now(UTC)
    other = plant.folder / "b"
    (other / "data").mkdir(parents=True)
    create_keys(other / "keys")
    with ExitStack() as stack:
        a = gate(stack, plant, "gate-a", plant.folder)
        b = gate(stack, plant, "gate-b", other)
        plant.start_hq()
        plant.start_sync()
        text = (plant.folder / "kiosk.toml").read_text()
        tls = authority.client("plant-1/gate-b", now)
        for mine, theirs in (
            ('"gate-a"', '"gate-b"'),
            ('"hq-keys/', '"../hq-keys/'),
            (str(plant.terminal_tls.certificate), str(tls.certificate)),
            (str(plant.terminal_tls.key), str(tls.key)),
        ):
            text = text.replace(mine, theirs)
        (other / "kiosk.toml").write_text(text)
        plant.programs.append(Program("sync", other / "kiosk.toml", other / "sync.log"))
        spy = Eavesdropper(broker, authority.client("watch", now))
        stack.callback(spy.close)

        def online() -> bool:
            return all(line["status"] for line in terminal_lines(plant.database))

        until(online, "both terminals have a session at the broker")
        yield Site(plant, a, b, spy)


def test_templates_cross_the_site_and_nobody_on_the_way_can_open_them(site: Site) -> None:
    a, b, plant = site.a, site.b, site.plant
    now = datetime.now(UTC)
    a.enrol(ONE, 1, 2, at=instant(now))
    key = load_key(plant.folder / "hq-keys" / "hq.key")
    change = share(
        plant.database, key, "plant-1/gate-a", ONE, ("gate-b",), now, now + timedelta(hours=1)
    ).change

    def sealed() -> bool:
        site.obey(a)
        return bool(b.stores.delivery.inbox(1))

    until(sealed, "the sealed templates before B")
    seen = [m.document for m in b.stores.delivery.inbox(10)]
    seen += site.headquarters()
    site.obey(b)
    np.testing.assert_allclose(b.templates(ONE), np.stack([vector(1), vector(2)]), atol=1e-5)
    answered = [("gate-a", "share", "done"), ("gate-b", "template", "done")]
    until(lambda: site.states() == answered, "both replies at headquarters")
    letters = {s for blob in seen for s in strings(blob) if len(s) > 1000}
    assert len(letters) == 1, "B's mailbox and headquarters had the same one"
    [letter] = letters
    assert not any(letter.encode() in row for row in site.rows()), "headquarters has forgotten it"

    # The person withdraws at A, and B follows.
    a.stores.register.withdraw(ONE, instant(datetime.now(UTC)))

    def gone() -> bool:
        site.obey(a, b)
        return len(b.templates(ONE)) == 0 and site.states()[2:] == [("gate-b", "withdraw", "done")]

    until(gone, "B's templates are deleted, and headquarters knows")
    assert len(a.templates(ONE)) == 0

    # Everything that was seen on the way, and the broker's own files.
    crossed = site.spy.heard()
    seen += crossed
    seen += [p.read_bytes() for p in (plant.broker.directory).rglob("*") if p.is_file()]
    raw = np.stack([vector(1), vector(2)])
    hidden = np.concatenate([raw, a.stores.protection.apply(raw), b.stores.protection.apply(raw)])
    assert shows([b'["' + pieces(raw)[2] + b'"]'], pieces(raw)), "the search finds what is there"
    assert shows(seen, pieces(hidden)) == []
    assert shows(seen, [f"Name {ONE}".encode()]) == []

    assert letters <= {s for blob in crossed for s in strings(blob)}, "what crossed the broker"
    envelope = Envelope("plant-1", "gate-a", "gate-b", ONE, change)
    hq_raw = X25519PrivateKey.from_private_bytes(key.private_bytes_raw())
    signing = X25519PrivateKey.from_private_bytes(a.stores.signer.private_bytes_raw())
    others = [load_sealing_key(a.stores.keys), hq_raw, signing, X25519PrivateKey.generate()]
    envelopes = [envelope, Envelope("plant-1", "gate-a", "gate-a", ONE, change)]
    everything = {s for blob in seen for s in strings(blob) if len(s) >= 64}
    for text, stranger, at in product(everything, others, envelopes):
        with pytest.raises(SealError):
            open_seal(text, at, stranger)
    opened = open_seal(letter, envelope, load_sealing_key(b.stores.keys))
    np.testing.assert_allclose(opened.vectors, raw, atol=1e-5)
    assert plant.alarms() == []
