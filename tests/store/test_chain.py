"""Hashes and signatures of single records."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.chain import GENESIS, check_record, record_hash, sign_record
from tests.store.made import PUBLIC, SIGNER, STRANGER

HASHES = st.binary(min_size=32, max_size=32)


@given(HASHES, st.binary())
def test_a_record_holds(previous: bytes, payload: bytes) -> None:
    hash_ = record_hash(previous, payload)
    assert check_record(PUBLIC, previous, payload, hash_, sign_record(SIGNER, hash_))


@given(HASHES, st.binary(min_size=1, max_size=64), st.data())
def test_any_flipped_bit_is_found(previous: bytes, payload: bytes, data: st.DataObject) -> None:
    hash_ = record_hash(previous, payload)
    parts = [previous, payload, hash_, sign_record(SIGNER, hash_)]
    part = data.draw(st.integers(0, 3))
    bit = data.draw(st.integers(0, len(parts[part]) * 8 - 1))
    changed = bytearray(parts[part])
    changed[bit // 8] ^= 1 << bit % 8
    parts[part] = bytes(changed)
    assert not check_record(PUBLIC, *parts)


def test_a_strangers_signature_does_not_hold() -> None:
    hash_ = record_hash(GENESIS, b"{}")
    assert not check_record(PUBLIC, GENESIS, b"{}", hash_, sign_record(STRANGER, hash_))


def test_a_signature_over_the_bare_hash_does_not_hold() -> None:
    hash_ = record_hash(GENESIS, b"{}")
    assert not check_record(PUBLIC, GENESIS, b"{}", hash_, SIGNER.sign(hash_))


def test_the_hash_is_sha_256_of_previous_and_payload() -> None:
    assert record_hash(GENESIS, b"{}") == hashlib.sha256(bytes(32) + b"{}").digest()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_hash_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        record_hash(bytes(size), b"")
    with pytest.raises(ValueError, match="32 bytes"):
        sign_record(SIGNER, bytes(size))
    assert not check_record(PUBLIC, bytes(size), b"", bytes(32), bytes(64))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_size_does_not_hold(size: int) -> None:
    assert not check_record(PUBLIC, GENESIS, b"", record_hash(GENESIS, b""), bytes(size))
