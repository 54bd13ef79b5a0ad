"""A sealed template opens at the terminal that it is for, as what it was sealed as, and only so."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kiosk.errors import SealError
from kiosk.template_seal import Envelope, Letter, open_seal, seal
from store.register import Agreement
from tests.store.made import MODEL, vector

KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
ENVELOPE = Envelope("plant-1", "gate-a", "gate-b", "4711", 17)
LETTER = Letter(
    "Erika Mustermann",
    "de",
    MODEL,
    np.stack([vector(1), vector(2)]),
    (900_000, 800_000),
    Agreement("2026-11-01", "ef" * 32, "signed form 17", "12"),
    Agreement("2026-11-24", "cd" * 32, "signed form 18"),
    "2026-11-24T06:00:00.000000Z",
)


def test_the_receiver_reads_what_the_sender_sealed() -> None:
    opened = open_seal(seal(LETTER, ENVELOPE, PUBLIC), ENVELOPE, KEY)
    np.testing.assert_array_equal(opened.vectors, LETTER.vectors)
    assert replace(opened, vectors=LETTER.vectors) == LETTER


def test_nobody_else_reads_it() -> None:
    sealed = seal(LETTER, ENVELOPE, PUBLIC)
    with pytest.raises(SealError):
        open_seal(sealed, ENVELOPE, X25519PrivateKey.generate())
    assert vector(1).tobytes() not in base64.b64decode(sealed)


@pytest.mark.parametrize(
    "other",
    [
        replace(ENVELOPE, site="plant-2"),
        replace(ENVELOPE, sender="gate-c"),
        replace(ENVELOPE, receiver="gate-c"),
        replace(ENVELOPE, person="4712"),
        replace(ENVELOPE, change=18),
    ],
)
def test_a_seal_in_another_envelope_does_not_open(other: Envelope) -> None:
    with pytest.raises(SealError):
        open_seal(seal(LETTER, ENVELOPE, PUBLIC), other, KEY)


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_what_is_no_seal_is_refused(raw: bytes) -> None:
    with pytest.raises(SealError):
        open_seal(base64.b64encode(raw).decode(), ENVELOPE, KEY)


def test_a_sealed_letter_of_other_vectors_is_refused() -> None:
    for vectors in (LETTER.vectors * 2, np.full((2, 192), np.nan, np.float32)):
        sealed = seal(replace(LETTER, vectors=vectors), ENVELOPE, PUBLIC)
        with pytest.raises(SealError):
            open_seal(sealed, ENVELOPE, KEY)


def test_more_templates_than_anybody_has_are_not_sealed() -> None:
    many = replace(LETTER, vectors=np.stack([vector(n) for n in range(9)]), qualities=(1,) * 9)
    with pytest.raises(SealError, match="1 to 8"):
        seal(many, ENVELOPE, PUBLIC)


@pytest.mark.parametrize("key", [bytes(32), b"short", bytes(33)])
def test_nothing_is_sealed_to_what_is_no_key(key: bytes) -> None:
    with pytest.raises(SealError, match="no X25519"):
        seal(LETTER, ENVELOPE, key)
