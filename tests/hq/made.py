"""Made by hand for tests: a database, a receiver, and batches of a terminal's records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uuid6
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hq.commands import Outgoing
from hq.database import Database
from hq.intake import ReplayPolicy
from hq.keys import create_keys
from hq.receiver import Receiver
from hq.reports import Reader, alarm_lines
from hq.terminals import add_terminal
from store.canonical import canonical
from store.chain import record_hash, sign_record
from store.records import Body, Instant, Punch, Record, build_payload
from sync.contract.documents import Command, Receipt, open_command, open_receipt
from sync.contract.events import build_batch
from sync.contract.topics import Address, Channel, topic
from sync.contract.verify import START, Head
from tests.sync.made import GATE_A, GATE_A_KEY, HQ_KEY, NOON, inbound

POLICY = ReplayPolicy(grace_s=3, every_s=10, most_s=60, expiry_s=600)


@dataclass
class Office:
    """Headquarters in a file, and the last thing it answered."""

    database: Database
    receiver: Receiver
    now: datetime = NOON
    answers: list[Outgoing] = field(default_factory=list)

    def hear(self, channel: Channel, payload: bytes, address: Address = GATE_A) -> list[Outgoing]:
        return self.hear_at(topic(address, channel), payload)

    def hear_at(self, name: str, payload: bytes) -> list[Outgoing]:
        self.answers = self.receiver.take([inbound(name, payload)], self.now)
        return self.answers

    def take(self, records: Sequence[Record], address: Address = GATE_A) -> Receipt:
        """A batch of records arrives; the receipt that comes back."""
        self.hear(Channel.EVENTS, build_batch(records, max_records=1000)[0], address)
        return self.receipt(address)

    def receipt(self, address: Address = GATE_A) -> Receipt:
        name = topic(address, Channel.RECEIPT)
        [answer] = [answer for answer in self.answers if answer.topic == name]
        assert answer.retain
        return open_receipt(HQ_KEY.public_key(), address, answer.payload)

    def commands(self, address: Address = GATE_A) -> list[Command]:
        name = topic(address, Channel.COMMAND)
        return [
            open_command(HQ_KEY.public_key(), address, answer.payload)
            for answer in self.answers
            if answer.topic == name
        ]

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def seqs(self) -> list[int]:
        """The numbers of the confirmed records of every terminal, as reported."""
        return [line["seq"] for line in Reader(self.database).read()]

    def hashes(self) -> list[str]:
        return [line["hash"] for line in Reader(self.database).read()]

    def alarms(self) -> list[tuple[str, int, int]]:
        """(what, seq, count) of every alarm."""
        return [(a["what"], a["seq"], a["count"]) for a in alarm_lines(self.database)]


def hq_settings(folder: Path) -> Path:
    """Settings of a headquarters in `folder`: its database is `hq.db` there, its broker nowhere."""
    config = folder / "hq.toml"
    config.write_text(
        '[mqtt]\nhost = "127.0.0.1"\nport = 1\nca = "ca"\ncertificate = "c"\nkey = "k"\n'
        '[hq]\nsigning_key = "hq-keys/hq.key"\n'
    )
    return config


def headquarters(folder: Path) -> Path:
    """As `hq_settings`, with its keys, and gate A in its database."""
    create_keys(folder / "hq-keys")
    database = Database(f"sqlite:///{folder / 'hq.db'}")
    database.upgrade()
    add_terminal(database, GATE_A, GATE_A_KEY.public_key(), NOON)
    database.close()
    return hq_settings(folder)


def open_office(url: str, *addresses: Address, key: Ed25519PrivateKey = GATE_A_KEY) -> Office:
    """Headquarters with the database at `url` that knows the terminals by one key."""
    database = Database(url)
    database.upgrade()
    for address in addresses or (GATE_A,):
        add_terminal(database, address, key.public_key(), NOON)
    return Office(database, Receiver(database, HQ_KEY, POLICY))


class Gate:
    """A terminal whose records headquarters gets at once."""

    def __init__(self, office: Office, address: Address = GATE_A) -> None:
        self._office, self._address, self._head = office, address, START

    def tell(self, at: Instant, body: Body | None = None) -> str:
        """A record; its id."""
        body = body or Punch(person=f"E{self._head.seq + 1}", method="pin")
        seq, record_id = self._head.seq + 1, str(uuid6.uuid7())
        self._send(
            body.kind,
            build_payload(self._address.site, self._address.terminal, seq, record_id, body, at),
        )
        return record_id

    def tell_raw(self, at: Instant, time: dict[str, Any]) -> None:
        """A punch whose `time` is of another form."""
        body = Punch(person="E", method="pin")
        payload = build_payload(
            self._address.site,
            self._address.terminal,
            self._head.seq + 1,
            str(uuid6.uuid7()),
            body,
            at,
        )
        self._send("punch", canonical({**json.loads(payload), "time": time}))

    def _send(self, kind: str, payload: bytes) -> None:
        hash_ = record_hash(self._head.hash, payload)
        record = Record(
            self._head.seq + 1,
            json.loads(payload)["id"],
            kind,
            payload,
            self._head.hash,
            hash_,
            sign_record(GATE_A_KEY, hash_),
        )
        self._head = Head(record.seq, hash_)
        self._office.take([record], self._address)
