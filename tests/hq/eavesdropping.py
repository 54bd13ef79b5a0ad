"""What somebody sees who reads everything at the broker, and what they can find in it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morning.broker import Broker
from morning.pki import Credentials
from sync.tls import Broker as Access
from sync.transport import MqttTransport

_PIECE = 32  # bytes of a vector: eight numbers are enough to be found out by


class Eavesdropper:
    """A client that may read every topic; it hears from now on."""

    def __init__(self, broker: Broker, tls: Credentials) -> None:
        access = Access(
            "127.0.0.1",
            broker.port,
            tls.ca,
            tls.certificate,
            tls.key,
            "watch",
            inbound_limit=10_000,
        )
        self._transport = MqttTransport(access, ["kiosk/v1/#"], Random())
        self._transport.start()
        self._heard: list[bytes] = []

    def heard(self) -> list[bytes]:
        """Every payload so far."""
        while (message := self._transport.receive(0.2)) is not None:
            self._heard.append(message.payload)
            self._transport.acknowledge(message)
        return self._heard

    def close(self) -> None:
        self._transport.close()


def strings(blob: bytes) -> Iterator[str]:
    """Every string in JSON that a blob is, or that is in one of its strings."""
    try:
        waiting: list[Any] = [json.loads(blob)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value


def decoded(blob: bytes) -> Iterator[bytes]:
    """What the blob's strings are in base64."""
    for text in strings(blob):
        try:
            yield base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue


def pieces(vectors: NDArray[np.float32]) -> list[bytes]:
    """Pieces of (n, d) vectors as they could lie in a file or message: raw, in base64, as text."""
    found: list[bytes] = []
    for vector in vectors:
        raw = vector.astype("<f4").tobytes()
        for at in (0, len(raw) // 2, len(raw) - _PIECE):
            piece = raw[at : at + _PIECE]
            found += [piece, piece.hex().encode()]
            # In base64 the same bytes have three forms; without the ends that neighbours change.
            found += [base64.b64encode(bytes(pad) + piece)[4:-4] for pad in range(3)]
        found.append(repr(float(vector[0])).encode()[:10])
    return found


def shows(blobs: Iterable[bytes], needles: Iterable[bytes]) -> list[bytes]:
    """The needles that lie in a blob or in what it has in base64."""
    hay = [part for blob in blobs for part in (blob, *decoded(blob))]
    return [needle for needle in needles if any(needle in part for part in hay)]
