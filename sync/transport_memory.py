"""A broker and its clients in memory: the stand-in for `sync.transport`, with the same rules.

`MemoryBroker` keeps retained messages, sessions, shared subscriptions (`$share/group/…`, round
robin, also to absent members, as mosquitto does) and wills. It fails when told to: `stop`, `start`,
`forget`, and `faults`, one for each publish that is to go wrong. `history` holds every message that
was published, in order. Everything happens in the caller's thread and at once: `receive` never
waits, so a test steps its participants itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from sync.errors import (
    NotConnectedError,
    PublishRefusedError,
    PublishTimeoutError,
    TransportClosedError,
)
from sync.seam import Inbound, Will


class Fault(Enum):
    """What happens to one publish instead of the ordinary."""

    LOST = "it never reaches the broker, and the connection breaks"
    UNACKNOWLEDGED = "the broker has it, but the connection breaks before the PUBACK"
    DUPLICATE = "the broker hands it on twice"


@dataclass(frozen=True, slots=True)
class Published:
    """One message in the broker's history."""

    client_id: str
    topic: str
    payload: bytes
    retained: bool


@dataclass(slots=True)
class _Waiting:
    topic: str
    payload: bytes
    retained: bool
    token: int
    in_flight: bool = False


@dataclass(slots=True)
class _Session:
    filters: tuple[str, ...] = ()
    queue: deque[_Waiting] = field(default_factory=deque)
    tokens: int = 0

    def push(self, topic: str, payload: bytes, retained: bool) -> None:
        self.tokens += 1
        self.queue.append(_Waiting(topic, payload, retained, self.tokens))


class MemoryBroker:
    """A broker that lives in this process and can be made to fail."""

    def __init__(self) -> None:
        self.history: list[Published] = []
        self.faults: deque[Fault | None] = deque()
        self.allowed: Callable[[str, str], bool] = lambda _client_id, _topic: True
        self.running = True
        self.epoch = 1
        self._retained: dict[str, bytes] = {}
        self._sessions: dict[str, _Session] = {}
        self._turns: dict[str, int] = {}

    def stop(self) -> None:
        """Down: every connection breaks; sessions and retained messages are kept."""
        self.running = False
        self.epoch += 1

    def start(self) -> None:
        """Up again."""
        self.running = True

    def forget(self) -> None:
        """Lose every session and retained message, as without a persistence file."""
        self._sessions.clear()
        self._retained.clear()

    def subscribe(self, client_id: str, filters: Sequence[str]) -> None:
        """Open or resume a session; retained messages of plain filters are sent (again)."""
        session = self._sessions.setdefault(client_id, _Session())
        session.filters = tuple(filters)
        for waiting in session.queue:
            waiting.in_flight = False
        for topic, payload in self._retained.items():
            if any(_matches(f, topic) for f in filters if not f.startswith("$share/")):
                session.push(topic, payload, retained=True)

    def next(self, client_id: str, limit: int) -> _Waiting | None:
        """The next message that is not in flight, if fewer than `limit` are."""
        session = self._sessions.get(client_id)
        if session is None or sum(w.in_flight for w in session.queue) >= limit:
            return None
        for waiting in session.queue:
            if not waiting.in_flight:
                waiting.in_flight = True
                return waiting
        return None

    def acknowledge(self, client_id: str, token: int) -> None:
        """Forget a message of that client."""
        session = self._sessions.get(client_id)
        if session is not None:
            session.queue = deque(w for w in session.queue if w.token != token)

    def accept(self, client_id: str, topic: str, payload: bytes, *, retain: bool) -> None:
        """Take a message and hand it to every session that wants it."""
        self.history.append(Published(client_id, topic, payload, retain))
        if retain:
            self._retained[topic] = payload
            if not payload:
                del self._retained[topic]
        groups: dict[str, list[_Session]] = {}
        for session in self._sessions.values():
            for wanted in session.filters:
                if wanted.startswith("$share/"):
                    _, _, plain = wanted.split("/", 2)
                    if _matches(plain, topic):
                        groups.setdefault(wanted, []).append(session)
                elif _matches(wanted, topic):
                    session.push(topic, payload, retained=False)
        for wanted, members in groups.items():
            turn = self._turns.get(wanted, 0)
            self._turns[wanted] = turn + 1
            members[turn % len(members)].push(topic, payload, retained=False)


class MemoryTransport:
    """The stand-in Transport. It connects by itself whenever the broker runs."""

    def __init__(
        self,
        broker: MemoryBroker,
        client_id: str,
        subscriptions: Sequence[str] = (),
        *,
        will: Callable[[], Will] | None = None,
        inbound_limit: int = 64,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._make_will = will
        self._limit = inbound_limit
        self._started = False
        self._interrupted = False
        self._epoch = 0
        self._count = 0
        self._last_will: Will | None = None

    @property
    def connection(self) -> int | None:
        """The present connection's number, None while there is none."""
        if not self._started or not self._broker.running:
            return None
        if self._epoch != self._broker.epoch:
            self._epoch = self._broker.epoch
            self._count += 1
            self._last_will = self._make_will() if self._make_will else None
            self._broker.subscribe(self._client_id, self._subscriptions)
        return self._count

    def start(self) -> None:
        """Begin to connect."""
        self._started = True

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 30.0
    ) -> None:
        """Hand the message over, or fail as the broker's next fault says."""
        del timeout_s
        if self._interrupted:
            raise TransportClosedError("the transport is closing")
        if self.connection is None:
            raise NotConnectedError("no connection to the broker")
        if not self._broker.allowed(self._client_id, topic):
            raise PublishRefusedError("Not authorized")
        fault = self._broker.faults.popleft() if self._broker.faults else None
        if fault is Fault.LOST:
            self.drop()
            raise PublishTimeoutError("lost before the broker had it")
        self._broker.accept(self._client_id, topic, payload, retain=retain)
        if fault is Fault.DUPLICATE:
            self._broker.accept(self._client_id, topic, payload, retain=retain)
        if fault is Fault.UNACKNOWLEDGED:
            self.drop()
            raise PublishTimeoutError("lost before the PUBACK came")

    def publish_all(
        self, messages: Sequence[tuple[str, bytes, bool]], *, timeout_s: float = 30.0
    ) -> None:
        """One after the other; what the broker refuses does not keep the rest back."""
        refused: PublishRefusedError | None = None
        for topic, payload, retain in messages:
            try:
                self.publish(topic, payload, retain=retain, timeout_s=timeout_s)
            except PublishRefusedError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def receive(self, timeout_s: float) -> Inbound | None:
        """The next message; None when there is none now."""
        del timeout_s
        number = self.connection
        if number is None or self._interrupted:
            return None
        waiting = self._broker.next(self._client_id, self._limit)
        if waiting is None:
            return None
        return Inbound(waiting.topic, waiting.payload, waiting.retained, number, waiting.token)

    def acknowledge(self, message: Inbound) -> None:
        """The broker forgets the message, if this is still its connection."""
        if self.connection == message.connection:
            self._broker.acknowledge(self._client_id, message.token)

    def interrupt(self) -> None:
        """Let nothing be published or received any more."""
        self._interrupted = True

    def drop(self) -> None:
        """Break only this client's connection; the will is not sent (it comes back too soon)."""
        self._epoch = 0

    def vanish(self) -> None:
        """As kill -9: gone without a word, so the broker publishes the will."""
        if self._started and self._last_will is not None and self._broker.running:
            will = self._last_will
            self._broker.accept(self._client_id, will.topic, will.payload, retain=True)
        self._started = False

    def close(self) -> None:
        """Gone politely; the will is not sent."""
        self._interrupted = True
        self._started = False


def _matches(wanted: str, topic: str) -> bool:
    wanted_parts, parts = wanted.split("/"), topic.split("/")
    if wanted_parts[-1] == "#":
        wanted_parts, parts = wanted_parts[:-1], parts[: len(wanted_parts) - 1]
    return len(wanted_parts) == len(parts) and all(
        want in ("+", have) for want, have in zip(wanted_parts, parts, strict=True)
    )
