"""Requests to join that come over the broker: what one worker does with each.

- The documents and the checks are those of the stick (`hq.joining`). With the CA's key the answer
  is made at once; without it, or when the key cannot be used, the request waits for an operator
  and the machine, which asks again, gets the answer then.
- What is no request, or lies in a topic that is not its own, gets no answer: it is an alarm, one a
  site and round, so that a flood is no flood of writes. What is a request and may not join is told
  why, signed.
- Nothing that arrives raises. Database trouble does: the caller keeps the messages and tries
  again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hq.alarms import Alarm, raise_alarms
from hq.authority import load_authority
from hq.commands import Outgoing
from hq.database import Database
from hq.errors import (
    CertificateError,
    DatabaseConflictError,
    DatabaseTroubleError,
    DuplicateTerminalError,
    HqError,
    JoinRefusedError,
)
from hq.join_tokens import drop_waiting
from hq.joining import Authority, admit, answered
from store.errors import JoinDocumentError
from store.join_notice import seal_notice
from store.joining import digest, open_request
from sync.contract.errors import ContractError
from sync.contract.joining import Asking, parse_request_topic
from sync.seam import Inbound

_LOG = logging.getLogger("hq.join_desk")
_WAITS = "it waits for an operator's signature (`kiosk-hq join list`, `kiosk-hq join sign`)"


class JoinDesk:
    """One worker's hands; used from one thread. `authority` None: an operator signs."""

    def __init__(
        self, database: Database, key: Ed25519PrivateKey, authority: Authority | None
    ) -> None:
        if authority is not None:
            load_authority(authority.ca, authority.ca_key)
        self._database = database
        self._key = key
        self._authority = authority

    def take(self, messages: Sequence[Inbound], now: datetime) -> list[Outgoing]:
        """The answers, now that what they say is committed. Raises DatabaseTroubleError."""
        answers: list[Outgoing] = []
        alarms: set[Alarm] = set()
        for message in messages:
            try:
                asking = _read(message)
                if isinstance(asking, Alarm):
                    alarms.add(asking)
                    continue
                answer = self._answer(asking, message.payload, now)
                answers.append(Outgoing(asking.answer_topic, answer, False))
            except DatabaseTroubleError:
                raise
            except DatabaseConflictError:  # another worker was quicker; the machine asks again
                _LOG.warning("conflict")
            except Exception:  # noqa: BLE001  # one message must never stop the others
                _LOG.exception("message_put_aside")
                alarms.add(Alarm("internal"))
        if alarms:
            with self._database.write() as connection:
                raise_alarms(connection, list(alarms), now)
        return answers

    def _answer(self, asking: Asking, raw: bytes, now: datetime) -> bytes:
        try:
            address, answer = answered(self._database, self._key, raw, now)
            if answer is None and self._authority is not None:
                answer = self._signed(self._authority, raw, now)
        except (JoinRefusedError, DuplicateTerminalError, CertificateError) as error:
            _LOG.warning("join_refused", extra={"fields": {"detail": str(error)}})
            drop_waiting(self._database, raw)
            return seal_notice(self._key, asking.id, "refused", str(error), now)
        fields = {"terminal": str(address)}
        if answer is None:
            _LOG.info("join_waits", extra={"fields": fields})
            return seal_notice(self._key, asking.id, "waiting", _WAITS, now)
        _LOG.info("joined", extra={"fields": fields})
        return answer

    def _signed(self, authority: Authority, raw: bytes, now: datetime) -> bytes | None:
        """The answer; None where the CA cannot sign, which is no fault of who asks."""
        try:
            load_authority(authority.ca, authority.ca_key)
        except HqError as error:
            _LOG.error("authority_unusable", extra={"fields": {"detail": str(error)}})
            return None
        return admit(self._database, self._key, authority, raw, now)[1]


def _read(message: Inbound) -> Asking | Alarm:
    """Whose request it is, or the alarm that it is none."""
    site = ""
    try:
        asking = parse_request_topic(message.topic)
        site = asking.site
        request = open_request(message.payload).request
    except (ContractError, JoinDocumentError):
        return Alarm("malformed", site)
    if (request.site, digest(message.payload)) != (site, asking.id):
        return Alarm("malformed", site)
    return asking
