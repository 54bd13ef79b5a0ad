"""Asking over the broker: repeated until headquarters' own word comes, and told how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from store.join_notice import State, seal_notice
from store.joining import (
    digest,
    open_request,
    read_token,
    seal_admission,
    seal_request,
    token_of,
)
from sync.contract.joining import Asking
from sync.join_ask import Outcome, ask_to_join
from sync.transport_memory import Fault, MemoryBroker, MemoryTransport

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HQ = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
RAW = seal_request(
    Ed25519PrivateKey.from_private_bytes(b"t" * 32),
    X25519PrivateKey.from_private_bytes(b"x" * 32).public_key(),
    "plant-1",
    "gate-b",
    read_token(token_of(HQ, "00" * 9)),
    "csr",
    NOW,
)
ASKING = Asking("plant-1", digest(RAW))
ADMISSION = seal_admission(HQ, open_request(RAW), "certificate", NOW)


def notice(state: State, why: str, key: Ed25519PrivateKey = HQ) -> bytes:
    return seal_notice(key, ASKING.id, state, why, NOW)


@dataclass
class Line:
    """A broker, the machine's connection, and headquarters that answers each request in turn."""

    answers: list[bytes | None]
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    said: list[str] = field(default_factory=list)

    def ask(self) -> Outcome:
        transport = MemoryTransport(self.broker, ASKING.id, [ASKING.answer_topic])
        transport.start()
        ticks = count()

        def elapsed() -> float:
            """A tenth of a second a look; headquarters answers meanwhile."""
            asked = [one for one in self.broker.history if one.topic == ASKING.request_topic]
            while self.answered < len(asked):
                answer = self.answers[min(self.answered, len(self.answers) - 1)]
                self.answered += 1
                if answer is not None:
                    self.broker.accept("hq", ASKING.answer_topic, answer, retain=False)
            return next(ticks) / 10

        outcome = ask_to_join(
            transport, HQ.public_key(), ASKING, RAW, 60, self.said.append, Random(1), elapsed
        )
        assert {one.payload for one in self.broker.history if one.client_id == ASKING.id} <= {RAW}
        return outcome

    def __post_init__(self) -> None:
        self.answered = 0


def test_the_answer_ends_it_at_once() -> None:
    line = Line([ADMISSION])
    assert line.ask() == Outcome("admitted", answer=ADMISSION)
    assert (line.answered, line.said) == (1, ["connected; asking headquarters"])


def test_it_asks_again_until_an_operator_has_signed_and_says_once_that_it_waits() -> None:
    line = Line([notice("waiting", "an operator"), notice("waiting", "an operator"), ADMISSION])
    assert line.ask().state == "admitted"
    assert line.said == ["connected; asking headquarters", "an operator"]


def test_a_refusal_ends_it_with_the_reason() -> None:
    assert Line([notice("refused", "has expired")]).ask() == Outcome("refused", why="has expired")


@pytest.mark.parametrize(
    "strange",
    [
        b"",
        b"{}",
        b"\xff",
        notice("refused", "x", STRANGER),
        seal_notice(HQ, "0" * 64, "refused", "x", NOW),
        seal_admission(STRANGER, open_request(RAW), "certificate", NOW),
    ],
)
def test_only_headquarters_word_on_this_request_counts(strange: bytes) -> None:
    line = Line([strange, ADMISSION])
    assert line.ask().state == "admitted"
    assert line.answered == 2


def test_a_request_or_an_answer_that_is_lost_is_asked_for_again() -> None:
    line = Line([None, None, ADMISSION])
    line.broker.faults.extend([Fault.LOST, Fault.UNACKNOWLEDGED, None, Fault.DUPLICATE])
    assert line.ask().state == "admitted"


@pytest.mark.parametrize(
    ("answers", "state"),
    [([None], "unanswered"), ([notice("waiting", "an operator")], "waiting")],
)
def test_when_the_time_is_over_it_says_how_it_stands_and_did_not_flood(
    answers: list[bytes | None], state: str
) -> None:
    line = Line(answers)
    assert line.ask().state == state
    assert 4 <= line.answered <= 12  # in a minute: after 1, 2, 4, 8, 15, 15 … s, with jitter


def test_without_a_broker_or_its_leave_it_is_not_connected() -> None:
    down = Line([None])
    down.broker.stop()
    assert down.ask() == Outcome("unconnected")
    shut = Line([None])
    shut.broker.allowed = lambda _client, _topic: False
    assert shut.ask() == Outcome(
        "unconnected", why="the broker refused the message: Not authorized"
    )
