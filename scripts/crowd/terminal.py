"""A simulated terminal: the real courier and real signatures on a ledger in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

import uuid6
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crowd.link import Link
from store.chain import record_hash, sign_record
from store.records import Instant, Punch, Record, build_payload
from sync.contract.topics import Address, Channel, topic
from sync.contract.verify import START, Head
from sync.courier import Courier
from sync.daemon import real_clock
from sync.outbox import Letter
from sync.tls import Broker

_IDLE_S = 1.0  # the courier looks at its timers (resend, status) at least this often


class Ledger:
    """The courier's `Outbox`: records, and when each was appended and confirmed."""

    def __init__(self, address: Address) -> None:
        self.rows: list[Record] = []
        self.appended_s: list[float] = []
        self.latencies_s: list[float] = []
        self.records_again = 0
        self._address = address
        self._key = Ed25519PrivateKey.generate()
        self._version = 0
        self._read = 0
        self._receipt: bytes | None = None

    @property
    def public_key(self) -> Ed25519PublicKey:
        """What headquarters checks the records with."""
        return self._key.public_key()

    def append(self, person: str) -> None:
        """A punch, signed."""
        now_s, head, record_id = time.monotonic(), self.head(), str(uuid6.uuid7())
        body = Punch(person=person, method="face", score_millionths=812_345, frames=4)
        at = Instant(
            utc=datetime.now(UTC),
            zone="Europe/Berlin",
            boot="7d3cbd24-5b8e-4d0c-9d9b-0f6c2f7b1c11",
            monotonic_ns=int(now_s * 1e9),
            synchronised=True,
            error_ms=3,
        )
        payload = build_payload(
            self._address.site, self._address.terminal, head.seq + 1, record_id, body, at
        )
        hash_ = record_hash(head.hash, payload)
        signature = sign_record(self._key, hash_)
        self.appended_s.append(now_s)
        self.rows.append(
            Record(head.seq + 1, record_id, body.kind, payload, head.hash, hash_, signature)
        )
        self._version += 1

    def version(self) -> int:
        """Changes with every append."""
        return self._version

    def head(self) -> Head:
        """The newest record."""
        return Head(self.rows[-1].seq, self.rows[-1].hash) if self.rows else START

    def records(self, after: int, limit: int) -> Sequence[Record]:
        """Those after a number; what was read before is sent again."""
        found = self.rows[after : after + limit]
        again = min(after + len(found), self._read) - after
        self.records_again += max(0, again)
        self._read = max(self._read, after + len(found))
        return found

    def hash_at(self, seq: int) -> bytes | None:
        """One record's hash."""
        return self.rows[seq - 1].hash if 0 < seq <= len(self.rows) else None

    def receipt(self) -> bytes | None:
        """The last one."""
        return self._receipt

    def save_receipt(self, document: bytes, head: Head) -> None:
        """Keep it, and note how long the records that it covers took."""
        self._receipt = document
        now_s = time.monotonic()
        for number in range(len(self.latencies_s), head.seq):
            self.latencies_s.append(now_s - self.appended_s[number])

    def awaits_receipt(self) -> bool:
        """Never: nothing of it is lost."""
        return False

    def post_receipt(self, _document: bytes) -> bool:
        """Only a ledger that was lost needs it."""
        return True

    def checkpoint(self, _after: int) -> None:
        """Nothing is pruned."""

    def post_command(self, _document: bytes) -> bool:
        """No kiosk runs here; a replay is the courier's own doing after its patience."""
        return True

    def replies(self, _limit: int) -> Sequence[Letter]:
        """None."""
        return ()

    def drop_reply(self, _letter: Letter) -> None:
        """None."""

    def take_replay(self) -> int | None:
        """None."""
        return None


class Terminal:
    """Ledger, courier and connection, and the thread that keeps them going."""

    def __init__(self, broker: Broker, address: Address, hq_key: Ed25519PublicKey) -> None:
        self.address = address
        self.ledger = Ledger(address)
        self.courier = Courier(
            address, self.ledger, hq_key, Random(str(address)), real_clock, version="fleet"
        )
        names = [topic(address, Channel.RECEIPT), topic(address, Channel.COMMAND)]
        self.link = Link(broker, names, self.courier.will())
        self._over = False
        self._thread = threading.Thread(target=self._run, name=str(address), daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def punch(self) -> None:
        """Somebody was recognised."""
        self.ledger.append(f"E{len(self.ledger.rows) % 40}")
        self.link.wake()

    @property
    def done(self) -> bool:
        """Has headquarters confirmed everything?"""
        return len(self.ledger.latencies_s) == len(self.ledger.rows)

    def stop(self) -> None:
        """End the thread and the connection."""
        self._over = True
        self.link.wake()
        self._thread.join()
        self.link.close()

    def _run(self) -> None:
        while not self._over:
            if self.courier.step(self.link):
                continue
            message = self.link.receive(_IDLE_S)
            if message is not None:
                self.courier.handle(message, self.link)
