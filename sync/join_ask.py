"""Asking headquarters over the broker to let this machine in, with the site's join certificate.

- The request is published again at every new connection and, with growing pauses, until there is
  an answer: whatever is lost on the way is asked for again, and is the same answer.
- Only what headquarters signed for exactly this request counts; anything else is passed over.
- Nothing is written: the caller takes the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.errors import JoinDocumentError
from store.join_notice import open_notice
from store.joining import open_admission
from sync.contract.joining import Asking
from sync.errors import TransportError
from sync.seam import Backoff, Transport

_WAIT_S = 0.2
_PUBLISH_TIMEOUT_S = 20.0
# Soon at first, then rarely: an operator who signs is not quicker, and fifty machines are no load.
_AGAIN = Backoff(first_s=1.0, most_s=15.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`admitted` with the answer; else how it stood when time was over, or why it is refused."""

    state: Literal["admitted", "refused", "waiting", "unanswered", "unconnected"]
    answer: bytes = b""
    why: str = ""


def ask_to_join(
    transport: Transport,
    hq_key: Ed25519PublicKey,
    asking: Asking,
    raw: bytes,
    timeout_s: float,
    tell: Callable[[str], None],
    random: Random,
    elapsed: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Publish the request and wait; `tell` is told each time the state changes.

    `transport` is started, subscribed to the answer's topic, and the caller's to close. `elapsed`
    is monotonic seconds.
    """
    deadline = elapsed() + timeout_s
    standing = Outcome("unconnected")
    asked_in, times, again_at = 0, 0, 0.0
    while elapsed() < deadline:
        connection = transport.connection
        if connection is not None and (connection != asked_in or elapsed() >= again_at):
            if connection != asked_in:
                tell("connected; asking headquarters")
            times = times + 1 if connection == asked_in else 1
            try:
                transport.publish(asking.request_topic, raw, timeout_s=_PUBLISH_TIMEOUT_S)
            except TransportError as error:
                standing = Outcome("unconnected", why=str(error))
            else:
                standing = Outcome("unanswered") if standing.state == "unconnected" else standing
            asked_in, again_at = connection, elapsed() + _AGAIN.pause_s(times, random)
        message = transport.receive(_WAIT_S)
        if message is None:
            continue
        transport.acknowledge(message)
        heard = _read(hq_key, asking, raw, message.payload)
        if heard is None:
            continue
        if heard.state != "waiting":
            return heard
        if heard != standing:
            tell(heard.why)
        standing = heard
    return standing


def _read(hq_key: Ed25519PublicKey, asking: Asking, raw: bytes, payload: bytes) -> Outcome | None:
    """What a message says; None where it is not headquarters' word on this request."""
    try:
        open_admission(hq_key, payload, raw)
    except JoinDocumentError:
        pass
    else:
        return Outcome("admitted", answer=payload)
    try:
        notice = open_notice(hq_key, payload, asking.id)
    except JoinDocumentError:
        return None
    return Outcome(notice.state, why=notice.why)
