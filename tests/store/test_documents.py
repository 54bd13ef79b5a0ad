"""Signed documents: what one key seals for one purpose, nobody changes or uses for another."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.canonical import canonical
from store.documents import PURPOSES, open_document, seal_document
from store.errors import DocumentError, ForgedDocument, MalformedDocument, NotCanonicalError
from tests.store.made import PUBLIC, SIGNER, STRANGER
from tests.store.test_canonical import TEXT, VALUES

BODY = {"v": 1, "site": "plant-1", "seq": 12}
RAW = seal_document(SIGNER, "receipt", BODY)


@given(st.dictionaries(TEXT, VALUES, max_size=4), st.sampled_from(sorted(PURPOSES)))
def test_a_sealed_body_comes_back(body: dict[str, object], purpose: str) -> None:
    assert open_document(PUBLIC, purpose, seal_document(SIGNER, purpose, body)) == body


@pytest.mark.parametrize("purpose", sorted(PURPOSES - {"receipt"}))
def test_a_receipt_passes_for_nothing_else(purpose: str) -> None:
    with pytest.raises(ForgedDocument):
        open_document(PUBLIC, purpose, RAW)


def test_another_key_is_not_believed() -> None:
    with pytest.raises(ForgedDocument):
        open_document(STRANGER.public_key(), "receipt", RAW)


@given(st.integers(0, len(RAW) * 8 - 1))
@example(8 * (len(RAW) - 5) + 3)  # one of the four spare bits before the padding
def test_any_flipped_bit_is_found(bit: int) -> None:
    changed = bytearray(RAW)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DocumentError):
        open_document(PUBLIC, "receipt", bytes(changed))


@given(st.integers(0, len(RAW) - 1))
def test_any_cut_is_found(length: int) -> None:
    with pytest.raises(MalformedDocument):
        open_document(PUBLIC, "receipt", RAW[:length])


@given(st.binary() | st.text().map(str.encode) | VALUES.map(canonical))
def test_other_bytes_are_an_error_of_ours(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        open_document(PUBLIC, "receipt", raw)


def test_a_key_that_stands_twice_is_malformed() -> None:
    with pytest.raises(MalformedDocument):
        open_document(PUBLIC, "receipt", RAW[:-1] + b',"signature":"x"}')


def test_white_space_and_order_do_not_matter() -> None:
    loose = json.dumps(dict(reversed(json.loads(RAW).items())), indent=2).encode()
    assert open_document(PUBLIC, "receipt", loose) == BODY


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"body":{"a":1e400},"signature":""}',
        b'{"body":{},"signature":"\xc3\xa9"}',
        b'{"body":{},"signature":"AA"}',
        b'{"body":{},"signature":""}',
        b'{"body":[],"signature":""}',
        b'{"body":{},"signature":1}',
        b'{"body":{},"signature":"","more":1}',
    ],
)
def test_odd_documents_are_errors_of_ours(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        open_document(PUBLIC, "receipt", raw)


def test_a_body_with_a_float_is_not_sealed() -> None:
    with pytest.raises(NotCanonicalError):
        seal_document(SIGNER, "receipt", {"share": 0.5})


def test_an_unknown_purpose_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="is no purpose"):
        seal_document(SIGNER, "anything", {})
    with pytest.raises(ValueError, match="is no purpose"):
        open_document(PUBLIC, "anything", RAW)
