"""A site of real terminals and its real headquarters; what carries their messages is a schedule.

Nothing arrives by itself. A terminal that is not asked to send or to receive is cut off; what
headquarters publishes can be lost, as by a broker without persistence. One world serves many
schedules, each with a person of its own: opening databases is what takes long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np

from hq.errors import NotSharedError
from hq.sharing import share
from hq.terminals import add_terminal, list_terminals
from kiosk.orders import obey
from store.keys import load_sealing_key
from store.records import Instant
from sync.contract.events import build_batch
from sync.contract.topics import Address, Channel
from tests.hq.databases import SqliteFiles
from tests.hq.made import Office, open_office
from tests.kiosk.gates import Gate, open_gate
from tests.kiosk.ordered import HQ
from tests.sync.made import GATE_A, GATE_B, NOON, instant

GATES = (GATE_A, GATE_B, Address("plant-1", "gate-c"))
_WEEKS = timedelta(days=14)  # every command of before has expired, and its repetition is due


class SharedWorld:
    """Three terminals; each method is one thing that may happen, to one of them by its index."""

    def __init__(self, office: Office, gates: list[Gate]) -> None:
        self.office, self.gates = office, gates
        self.wire: dict[Address, list[bytes]] = {address: [] for address in GATES}
        self.person = ""
        self._made = 0

    def begin(self) -> None:
        """Another person; nothing is on its way."""
        self._made += 1
        self.person = f"p{self._made}"

    def enrol(self, who: int) -> None:
        self._made += 1
        self.gates[who].enrol(self.person, self._made, at=self.now)

    def withdraw(self, who: int) -> None:
        if self.gates[who].stores.gallery.person(self.person):
            self.gates[who].stores.register.withdraw(self.person, self.now)

    def unshare(self, who: int) -> None:
        if self.gates[who].stores.gallery.person(self.person):
            self.gates[who].stores.sharing.end(self.person, self.now)

    def share(self, who: int) -> None:
        """An operator at headquarters asks for it."""
        source = str(GATES[who])
        try:
            expires = self.office.now + timedelta(days=7)
            share(self.office.database, HQ, source, self.person, (), self.office.now, expires)
        except NotSharedError:
            pass
        self.work()

    def send(self, who: int) -> None:
        """What the terminal wrote arrives at headquarters."""
        gate, address = self.gates[who], GATES[who]
        while True:
            records = gate.stores.ledger.records(self._head(address), 500)
            if not records:
                break
            self.office.hear(Channel.EVENTS, build_batch(records)[0], address)
        for reply in gate.stores.delivery.replies(1000):
            self.office.hear(Channel.REPLY, reply.document, address)
            gate.stores.delivery.drop_reply(reply.id)
        self.work()

    def receive(self, who: int) -> None:
        """What is on its way to the terminal arrives, and is obeyed."""
        gate = self.gates[who]
        for document in self.wire[GATES[who]]:
            gate.stores.delivery.post_inbox("command", document)
        self.wire[GATES[who]].clear()
        while obey(gate.stores, gate.station, self.now):
            pass

    def lose(self, who: int) -> None:
        """What is on its way to the terminal is lost."""
        self.wire[GATES[who]].clear()

    def wait(self, _: int) -> None:
        self.office.now += _WEEKS
        self.work()

    def work(self) -> None:
        """What a worker of headquarters does once a second."""
        receiver, now = self.office.receiver, self.office.now
        while receiver.repeat_withdrawals(now) + receiver.share(now):
            pass
        for answer in receiver.due_commands(now):
            self.wire[Address(*answer.topic.split("/")[2:4])].append(answer.payload)

    def settle(self) -> None:
        """Everybody is connected again, until nothing is left to be done."""
        everyone = range(len(GATES))
        for _ in range(20):
            self.wait(0)
            for who in everyone:
                self.send(who)
            on_the_way = any(self.wire.values())
            for who in everyone:
                self.receive(who)
                self.send(who)
            if not on_the_way and not any(self.wire.values()):
                return
        raise AssertionError("the site does not come to rest")

    def held(self, who: int) -> tuple[tuple[float, ...], ...]:
        """The person's templates there, free of the transform: three numbers of each, rounded."""
        vectors = self.gates[who].templates(self.person)
        return tuple(tuple(np.round(vector[:3], 3) + 0.0) for vector in vectors)

    @property
    def now(self) -> Instant:
        return instant(self.office.now)

    def _head(self, address: Address) -> int:
        lines = list_terminals(self.office.database)
        return next(line.head.seq for line in lines if line.address == address)


@contextmanager
def open_world(folder: Path) -> Iterator[SharedWorld]:
    """A site without anybody."""
    office = open_office(SqliteFiles(folder).new(), Address("plant-0", "nowhere"))
    with ExitStack() as stack:
        stack.callback(office.database.close)
        gates = [stack.enter_context(open_gate(folder / a.terminal, a.terminal)) for a in GATES]
        for address, gate in zip(GATES, gates, strict=True):
            signer = gate.stores.signer.public_key()
            sealing = load_sealing_key(gate.stores.keys).public_key()
            add_terminal(office.database, address, signer, NOON, sealing)
        yield SharedWorld(office, gates)
