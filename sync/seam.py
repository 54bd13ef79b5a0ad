"""The seam between what we say and how it travels: `Transport`, its messages and its timing.

What every transport keeps (one suite, `tests/sync/test_transport.py`, holds both to it):
- `publish` returns after the broker has taken responsibility (QoS 1, PUBACK) or raises. What it
  raised for may have arrived all the same: a sender repeats, a receiver tolerates.
- A message counts as received only after `acknowledge`. Unacknowledged ones come again with the
  next connection, as long as the broker keeps the session. An `acknowledge` of a message from an
  earlier connection does nothing.
- The inbound queue is bounded: the broker holds back what does not fit.
- No broker is no error at `start`: the transport keeps trying, with jittered growing pauses, until
  it is closed. `connection` numbers the connections, so that a sender notices a new one.
- A broken connection never loses the last will; `close` is polite and the will is not sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from the broker. `connection` and `token` are the transport's own."""

    topic: str
    payload: bytes
    retained: bool
    connection: int
    token: int


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when this client vanishes."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts, in seconds: doubling from `first_s` to `most_s`, with full jitter.

    The jitter (half to all of the pause) keeps ten thousand terminals from coming back at once.
    """

    first_s: float = 0.5
    most_s: float = 60.0

    def pause_s(self, failures: int, random: Random) -> float:
        """The pause after `failures` failures in a row (1 is the first)."""
        doublings = min(max(failures - 1, 0), 32)
        whole = min(self.most_s, self.first_s * 2**doublings)
        return float(whole * random.uniform(0.5, 1.0))


class Transport(Protocol):
    """A client of an MQTT 5 broker, used from one thread."""

    @property
    def connection(self) -> int | None:
        """The present connection's number (1, 2, …), None while there is none."""

    def start(self) -> None:
        """Begin to connect, and keep connected; returns at once."""

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 30.0
    ) -> None:
        """Return after the PUBACK, or raise a TransportError."""

    def publish_all(
        self, messages: Sequence[tuple[str, bytes, bool]], *, timeout_s: float = 30.0
    ) -> None:
        """Publish (topic, payload, retain) in order, without waiting for one PUBACK after another.

        Returns after the last PUBACK, or raises; then any of them may have arrived.
        """

    def receive(self, timeout_s: float) -> Inbound | None:
        """The next message; None when none came in time."""

    def acknowledge(self, message: Inbound) -> None:
        """Say that the message is dealt with; the broker forgets it."""

    def interrupt(self) -> None:
        """From now on let nothing wait: receive returns at once, publish raises at once.

        May be called from a signal handler.
        """

    def close(self) -> None:
        """Disconnect politely (no will) and end every thread; a second call does nothing."""
