"""What headquarters reads of terminals: batches, statuses, replies, and all of it in the receiver.

`receiver` is the real one on an embedded database in memory. It never raises by design, so what it
put aside as its own mistake (the alarm "internal") is the finding here.
"""

from __future__ import annotations

import logging

from fuzzing.course import Parser
from fuzzing.messages import DOCUMENTS, anything, batch, document, message, parted
from hq.database import Database
from hq.intake import ReplayPolicy
from hq.receiver import Receiver
from hq.terminals import add_terminal
from sync.contract import samples
from sync.contract.documents import open_reply
from sync.contract.errors import ContractError
from sync.contract.events import parse_batch
from sync.contract.status import parse_status
from sync.contract.topics import Channel
from sync.contract.verify import START, check_event, place
from sync.seam import Inbound

_LOG = logging.getLogger("hq.receiver")
_KEY = samples.TERMINAL_KEY.public_key()


def parsers() -> list[Parser]:
    """Headquarters'."""
    receiver = _Receiver()
    statuses = DOCUMENTS[Channel.STATUS]
    broken = (ContractError,)
    return [
        Parser("events", batch, _read_batch, broken),
        Parser("status", lambda random: anything(random, statuses), parse_status, broken),
        Parser(
            "reply",
            document(Channel.REPLY),
            lambda raw: open_reply(_KEY, samples.GATE, raw),
            broken,
        ),
        Parser("receiver", message(list(Channel)), receiver.read, (), receiver.renew, 500),
    ]


def _read_batch(raw: bytes) -> None:
    refused = None
    for event in parse_batch(raw):
        try:
            place(START, check_event(samples.GATE, _KEY, event))
        except ContractError as error:
            refused = error
    if refused is not None:
        raise refused


class _Receiver(logging.Handler):
    """A worker, and an ear for what it logs of its own mistakes."""

    def __init__(self) -> None:
        super().__init__()
        self._mistake: BaseException | None = None
        self._database: Database | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception of "internal_error" and "message_put_aside"."""
        self._mistake = record.exc_info[1] if record.exc_info else self._mistake

    def renew(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = Database("sqlite://")
        self._database.upgrade()
        add_terminal(self._database, samples.GATE, _KEY, samples.MORNING)
        policy = ReplayPolicy(grace_s=3, every_s=10, most_s=60, expiry_s=600)
        self._receiver = Receiver(self._database, samples.HQ_KEY, policy)

    def read(self, case: bytes) -> None:
        if self._database is None:
            self.renew()
        name, payload = parted(case)
        heard = Inbound(name, payload, retained=False, connection=1, token=1)
        self._mistake = None
        _LOG.addHandler(self)
        try:
            self._receiver.take([heard], samples.MORNING)
        finally:
            _LOG.removeHandler(self)
        if self._mistake is not None:
            raise self._mistake
