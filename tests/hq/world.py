"""A terminal, a broker and two workers of headquarters in memory, under a schedule of misfortunes.

Time stands still unless the schedule moves it, so a schedule is replayed exactly. Headquarters'
database is a real one of either kind; the records and every signature are real. The ledger's
records are made once for all schedules (`RECORDS`): signing is what costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

from hq.commands import Outgoing
from hq.database import Database
from hq.intake import ReplayPolicy
from hq.receiver import Receiver
from hq.reports import Reader, alarm_lines
from hq.terminals import add_terminal
from sync.contract.documents import open_command
from sync.contract.topics import Channel, every, topic
from sync.courier import Courier, Pace
from sync.errors import TransportError
from sync.seam import Inbound
from sync.transport_memory import Fault, MemoryBroker, MemoryTransport
from tests.hq.databases import Databases
from tests.sync.made import GATE_A, GATE_A_KEY, HQ_KEY, NOON, Clock, MemoryOutbox, chain

RECORDS = chain(4000)
WORKERS = ("one", "two")
CrashPoint = Literal["before the commit", "after the commit", "after the answer"]
_HEARD = [every(channel, "hq") for channel in (Channel.EVENTS, Channel.STATUS, Channel.REPLY)]
_ROUND = 10


class PreparedOutbox(MemoryOutbox):
    """An outbox whose punches are taken from `RECORDS`."""

    def punch(self, count: int = 1) -> None:
        have = len(self.ledger)
        self.ledger += RECORDS[have : have + count]
        self._version += 1


class World:
    """Everything, and what may befall it."""

    def __init__(self, databases: Databases, outbox: MemoryOutbox | None = None) -> None:
        self.databases = databases
        self.clock = Clock()
        self.broker = MemoryBroker()
        self.outbox = outbox or PreparedOutbox()
        self.database: Database | None = None
        self.transports: dict[str, MemoryTransport] = {}
        self.pace = Pace(resend_after_s=2.0, resend_most_s=20.0, window=4)
        self._restarts = 0
        self._backup: str | None = None
        self.lose_database()
        for worker in WORKERS:
            self.start_worker(worker)
        self.start_sync()

    # -- what may befall it -------------------------------------------------------------------

    def punch(self, count: int) -> None:
        self.outbox.punch(count)

    def wait(self, seconds: float) -> None:
        self.clock.pass_s(seconds)

    def break_publishes(self, faults: Sequence[Fault | None]) -> None:
        self.broker.faults.extend(faults)

    def toggle_broker(self, forget: bool) -> None:
        if self.broker.running:
            self.broker.stop()
            if forget:
                self.broker.forget()
        else:
            self.broker.start()

    def kill_sync(self) -> None:
        self.transports["gate-a"].vanish()
        self.start_sync()

    def kill_worker(self, worker: str, point: CrashPoint) -> None:
        """Killed in the middle of a round, and started again."""
        transport = self.transports[worker]
        messages = self._gather(transport)
        if messages and point != "before the commit":
            answers = self._receiver().take(messages, self.clock().utc)
            if point == "after the answer":
                self._answer(transport, answers)
        transport.vanish()
        self.start_worker(worker)

    def lose_database(self) -> None:
        """Headquarters starts with nothing."""
        self._use(self.databases.ready())

    def back_up(self) -> None:
        self._close()
        self._backup = self.databases.copy(self._url)
        self.database = Database(self._url)

    def restore(self) -> None:
        """Headquarters goes back to its backup, if it has one."""
        if self._backup is not None:
            self._close()
            self._use(self.databases.copy(self._backup))

    # -- what happens by itself ---------------------------------------------------------------

    def work(self, rounds: int = 1) -> None:
        """Everybody does what is due."""
        for _ in range(rounds):
            self.sync.step(self.transports["gate-a"])
            for worker in WORKERS:
                transport = self.transports[worker]
                messages = self._gather(transport)
                if messages:
                    answers = self._receiver().take(messages, self.clock().utc)
                    self._answer(transport, answers)
                    for message in messages:
                        transport.acknowledge(message)
            self._obey()
            self.clock.pass_s(0.05)

    def ask_for_replays(self) -> None:
        answers = self._receiver().due_replays(self.clock().utc)
        self._answer(self.transports[WORKERS[0]], answers)

    def settle(self, rounds: int = 4000) -> bool:
        """No more misfortune: True once headquarters and terminal agree about every record."""
        self.broker.faults.clear()
        if not self.broker.running:
            self.broker.start()
        for number in range(rounds):
            self.work()
            if number % 20 == 0:
                self.ask_for_replays()
                self.clock.pass_s(1.0)
                agreed = self.sync.reception.confirmed == self.outbox.head()
                if agreed and self.whole():
                    return True
        return False

    def whole(self) -> bool:
        """Whether headquarters counts what it should."""
        return self.counted() == self.recorded()

    def counted(self) -> list[str]:
        assert self.database is not None
        return [line["hash"] for line in Reader(self.database).read()]

    def recorded(self) -> list[str]:
        return [record.hash.hex() for record in self.outbox.ledger]

    def alarms(self) -> list[dict[str, object]]:
        assert self.database is not None
        return alarm_lines(self.database)

    def close(self) -> None:
        self._close()

    def start_sync(self) -> None:
        self.sync = Courier(
            GATE_A,
            self.outbox,
            HQ_KEY.public_key(),
            Random(self._restarts),
            self.clock,
            version="0.1.0",
            pace=self.pace,
        )
        names = [topic(GATE_A, Channel.RECEIPT), topic(GATE_A, Channel.COMMAND)]
        transport = MemoryTransport(self.broker, "gate-a", names, will=self.sync.will)
        transport.start()
        self.transports["gate-a"] = transport

    def start_worker(self, worker: str) -> None:
        transport = MemoryTransport(self.broker, worker, _HEARD)
        transport.start()
        self.transports[worker] = transport

    def _use(self, url: str) -> None:
        self._close()
        self._url = url
        self._restarts += 1
        self.database = Database(url)
        self.database.upgrade()
        add_terminal(self.database, GATE_A, GATE_A_KEY.public_key(), NOON)

    def _close(self) -> None:
        if self.database is not None:
            self.database.close()

    def _receiver(self) -> Receiver:
        assert self.database is not None
        policy = ReplayPolicy(grace_s=1, every_s=5, most_s=20, expiry_s=600)
        return Receiver(self.database, HQ_KEY, policy)

    def _gather(self, transport: MemoryTransport) -> list[Inbound]:
        messages: list[Inbound] = []
        while len(messages) < _ROUND and (message := transport.receive(0)) is not None:
            messages.append(message)
        return messages

    def _answer(self, transport: MemoryTransport, answers: Sequence[Outgoing]) -> None:
        for answer in answers:
            try:
                transport.publish(answer.topic, answer.payload, retain=answer.retain)
            except TransportError:
                return

    def _obey(self) -> None:
        """What kiosk does with commands, without its checks."""
        for document in self.outbox.commands:
            command = open_command(HQ_KEY.public_key(), GATE_A, document)
            self.outbox.ask_replay(int(command.arguments["from_seq"]))
        self.outbox.commands.clear()
