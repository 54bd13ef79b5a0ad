"""Letting a terminal in: its request is checked, the terminal registered, its certificate signed.

- All of it is one transaction with the token's use: a token lets one terminal in, once.
- The same request again gets the same answer: a stick that was lost on the way back is no matter.
- A terminal is registered under a name that nobody had (`hq.terminals`); the token says for which
  site, and may say for which name.
- A refusal that concerns the secret is counted at the token, and committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row

from hq.certificates import checked_request, issue
from hq.database import Database
from hq.errors import JoinRefusedError
from hq.issued import note_certificate
from hq.join_tokens import MOST_FAILURES, count_failure, find_token, keep_waiting, spend
from hq.terminals import enter, find, is_entered
from store.joining import Asked, digest, open_request, seal_admission, token_secret
from sync.contract.topics import Address


@dataclass(frozen=True, slots=True)
class Authority:
    """The operator's CA: PEM files of its certificate and key, and how long it signs for."""

    ca: Path
    ca_key: Path
    valid_for: timedelta


def admit(
    database: Database, key: Ed25519PrivateKey, authority: Authority, raw: bytes, now: datetime
) -> tuple[Address, bytes]:
    """Who asks, and the signed answer to it.

    Raises `JoinRefusedError`, `DuplicateTerminalError`, `CertificateError`, and
    `store.errors.JoinDocumentError` for what is no request.
    """
    with _proved(database, key, raw, now) as (connection, asked, token):
        address = Address(asked.request.site, asked.request.terminal)
        if token.answer is not None:
            return address, bytes(token.answer)
        return address, _let_in(connection, key, authority, asked, address, now)


def answered(
    database: Database, key: Ed25519PrivateKey, raw: bytes, now: datetime
) -> tuple[Address, bytes | None]:
    """Who asks, and the answer; None where the request waits from now on for an operator's `admit`.

    Raises as `admit` does.
    """
    with _proved(database, key, raw, now) as (connection, asked, token):
        address = Address(asked.request.site, asked.request.terminal)
        if token.answer is not None:
            return address, bytes(token.answer)
        is_entered(connection, address, asked.signing)  # another's name is refused now, not later
        if token.waiting != raw:
            keep_waiting(connection, asked.request.token, raw, now)
        return address, None


@contextmanager
def _proved(
    database: Database, key: Ed25519PrivateKey, raw: bytes, now: datetime
) -> Iterator[tuple[Connection, Asked, Row[Any]]]:
    """A transaction with the request and its token, locked, which lets it in or has done so."""
    asked = open_request(raw)
    address = Address(asked.request.site, asked.request.terminal)
    checked_request(asked.request.csr, address)
    with database.write() as connection:
        token = find_token(connection, asked.request.token)
        refusal = _refusal(connection, key, asked, token, now)
        if refusal is None and token is not None:
            yield connection, asked, token
    if refusal is not None:
        raise JoinRefusedError(f"{address}: {refusal}; nothing was signed")


def _refusal(
    connection: Connection,
    key: Ed25519PrivateKey,
    asked: Asked,
    token: Row[Any] | None,
    now: datetime,
) -> str | None:
    if token is None:
        return "no such token; `kiosk-hq tokens create` makes one"
    if token.failures >= MOST_FAILURES:
        return f"its token was tried {MOST_FAILURES} times without its secret; make another"
    if not asked.proves(token_secret(key, asked.request.token)):
        count_failure(connection, asked.request.token)
        return "the request was not made with its token, or was changed on the way"
    return _no_use(token, asked, now)


def _no_use(token: Row[Any], asked: Asked, now: datetime) -> str | None:
    """Why a token that was proved lets nobody in by this request."""
    if token.used_at is not None:
        if token.request == digest(asked.raw):
            return None
        return f"its token was used by {token.used_by}; make another"
    if token.expires_at <= now:
        return "its token has expired; make another"
    if token.site != asked.request.site or token.terminal not in (None, asked.request.terminal):
        return "its token is for another site or terminal"
    return None


def _let_in(
    connection: Connection,
    key: Ed25519PrivateKey,
    authority: Authority,
    asked: Asked,
    address: Address,
    now: datetime,
) -> bytes:
    enter(connection, address, asked.signing, now, asked.sealing)
    certificate = issue(asked.request.csr, authority.ca, authority.ca_key, authority.valid_for, now)
    note_certificate(connection, find(connection, {address})[address], certificate, now)
    answer = seal_admission(key, asked, certificate, now)
    spend(connection, asked.request.token, address.terminal, digest(asked.raw), answer, now)
    return answer
