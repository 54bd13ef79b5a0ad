"""Made by hand for tests: keys, records with real signatures, an outbox in memory, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import uuid6
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store.chain import record_hash, sign_record
from store.records import Body, Instant, Punch, Record, build_payload
from sync.contract.documents import build_command, build_receipt
from sync.contract.topics import Address
from sync.contract.verify import START, Head
from sync.courier import Now
from sync.outbox import Letter
from sync.seam import Inbound

GATE_A = Address("plant-1", "gate-a")
GATE_B = Address("plant-1", "gate-b")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HQ_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
GATE_A_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
NAMES = ("4711", "Erika Mustermann")  # a number and a name that must not leak


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def __call__(self) -> Now:
        return Now(1000.0 + self.passed_s, NOON + timedelta(seconds=self.passed_s))

    def pass_s(self, seconds: float) -> None:
        self.passed_s += seconds


def instant(utc: datetime = NOON) -> Instant:
    return Instant(
        utc=utc,
        zone="Europe/Berlin",
        boot="7d3cbd24",
        monotonic_ns=2**60,
        synchronised=True,
        error_ms=3,
    )


def next_record(
    head: Head,
    body: Body | None = None,
    address: Address = GATE_A,
    key: Ed25519PrivateKey = GATE_A_KEY,
    utc: datetime = NOON,
) -> Record:
    """A signed record that follows `head`."""
    record_id = str(uuid6.uuid7())
    body = body or Punch(person="4711", method="face", score_millionths=812_345)
    payload = build_payload(
        address.site, address.terminal, head.seq + 1, record_id, body, instant(utc)
    )
    hash_ = record_hash(head.hash, payload)
    signature = sign_record(key, hash_)
    return Record(head.seq + 1, record_id, body.kind, payload, head.hash, hash_, signature)


def chain(
    count: int,
    after: Head = START,
    address: Address = GATE_A,
    key: Ed25519PrivateKey = GATE_A_KEY,
) -> list[Record]:
    """`count` punches of different people that follow `after`."""
    records: list[Record] = []
    for _ in range(count):
        body = Punch(person=f"E{after.seq + 1}", method="face")
        records.append(next_record(after, body, address, key))
        after = Head(records[-1].seq, records[-1].hash)
    return records


def head_of(records: Sequence[Record]) -> Head:
    return Head(records[-1].seq, records[-1].hash) if records else START


def receipt(head: Head, after_s: float = 0.0, key: Ed25519PrivateKey = HQ_KEY) -> bytes:
    return build_receipt(key, GATE_A, head, NOON + timedelta(seconds=after_s))


def replay_command(
    number: int,
    from_seq: int = 1,
    address: Address = GATE_A,
    key: Ed25519PrivateKey = HQ_KEY,
    expires: datetime = NOON + timedelta(hours=1),
) -> bytes:
    return build_command(
        key,
        address,
        command_id=str(uuid6.uuid7()),
        number=number,
        type="replay",
        expires=expires,
        arguments={"from_seq": from_seq},
    )


def inbound(topic: str, payload: bytes) -> Inbound:
    return Inbound(topic, payload, retained=False, connection=1, token=1)


class MemoryOutbox:
    """The Outbox seam in memory; what kiosk would do is done by the test."""

    def __init__(self, address: Address = GATE_A, key: Ed25519PrivateKey = GATE_A_KEY) -> None:
        self.address = address
        self.key = key
        self.ledger: list[Record] = []
        self.commands: list[bytes] = []
        self.inbox_limit = 1000
        self.letters: list[Letter] = []
        self.replay: int | None = None
        self.reads = 0
        self.saves = 0
        self.provisional = False
        self.receipts: list[bytes] = []
        self._receipt: bytes | None = None
        self._version = 1

    def punch(self, count: int = 1) -> None:
        self.ledger += chain(count, self.head(), self.address, self.key)
        self._version += 1

    def ask_replay(self, from_seq: int) -> None:
        self.replay = from_seq
        self._version += 1

    def post_reply(self, document: bytes) -> None:
        self.letters.append(Letter(len(self.letters) + 1, document))
        self._version += 1

    def go_back_to(self, seq: int) -> None:
        """As from an old backup: the newest records are gone, and what came of them."""
        self.ledger = self.ledger[:seq]
        self._receipt = None
        self._version += 1

    def version(self) -> int:
        return self._version

    def head(self) -> Head:
        return head_of(self.ledger)

    def records(self, after: int, limit: int) -> Sequence[Record]:
        self.reads += 1
        return self.ledger[after : after + limit]

    def hash_at(self, seq: int) -> bytes | None:
        return self.ledger[seq - 1].hash if 0 < seq <= len(self.ledger) else None

    def receipt(self) -> bytes | None:
        return self._receipt

    def save_receipt(self, document: bytes, head: Head) -> None:
        self.saves += 1
        self._receipt = document

    def awaits_receipt(self) -> bool:
        return self.provisional

    def post_receipt(self, document: bytes) -> bool:
        self.receipts.append(document)
        return True

    def checkpoint(self, after: int) -> Record | None:
        return None

    def post_command(self, document: bytes) -> bool:
        if len(self.commands) >= self.inbox_limit:
            return False
        self.commands.append(document)
        return True

    def replies(self, limit: int) -> Sequence[Letter]:
        return self.letters[:limit]

    def drop_reply(self, letter: Letter) -> None:
        self.letters.remove(letter)

    def take_replay(self) -> int | None:
        wanted, self.replay = self.replay, None
        return wanted


def until(holds: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Wait for something that other processes or threads bring about; a bound, not a measure."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {within_s} s: {what}")
        time.sleep(0.02)
