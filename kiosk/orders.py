"""What headquarters orders: signed commands from the inbox, carried out here and nowhere else.

A receipt that does not fit this ledger comes the same way: headquarters has records that are not
here, because the file was lost, restored or is an old copy. Then the ledger resumes behind it.

The sync process only carries them. A command is carried out when HQ's signature holds, it is meant
for this terminal, it has not expired and its number is higher than any before; it then leaves a
record in the ledger and a signed reply. Anything else changes nothing and is only counted.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from kiosk.log import complain, say
from kiosk.stores import Stores
from store.documents import open_document, seal_document
from store.errors import DocumentError
from store.ledger import Head
from store.records import CommandDone, Fault, Instant, utc_text
from store.settings import Terminal

_AT_ONCE = 20


class Replay(BaseModel):
    """The arguments of a replay: the first `seq` that HQ wants again."""

    model_config = ConfigDict(frozen=True)

    from_seq: int = Field(ge=1)


class Receipt(BaseModel):
    """Headquarters' receipt as the contract has it; unknown fields are passed over."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1]
    site: str
    terminal: str
    seq: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    time: AwareDatetime


class Order(BaseModel):
    """A command's body as the contract has it; unknown fields are passed over."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1]
    id: str = Field(max_length=64)
    number: int = Field(ge=1)
    site: str
    terminal: str
    type: str = Field(max_length=64)
    expires: AwareDatetime
    arguments: dict[str, object] = Field(default_factory=dict)


def obey(stores: Stores, terminal: Terminal, now: Instant) -> int:
    """Carry out what waits in the inbox; returns how many messages were taken from it."""
    waiting = stores.delivery.inbox(_AT_ONCE)
    for message in waiting:
        # One transaction: carried out, recorded, answered and taken from the inbox, or none of it.
        with stores.ledger_db.transaction():
            if message.kind == "command":
                _carry_out(stores, terminal, message.document, now)
            elif message.kind == "receipt":
                _resume(stores, terminal, message.document, now)
            stores.delivery.drop_inbox(message.id)
    return len(waiting)


def _resume(stores: Stores, terminal: Terminal, document: bytes, now: Instant) -> None:
    """Go on behind headquarters' records, where the receipt shows that this ledger must."""
    try:
        receipt = Receipt.model_validate(open_document(stores.hq_key, "receipt", document))
        kept = stores.delivery.receipt()
        known = (
            None
            if kept is None
            else Receipt.model_validate(open_document(stores.hq_key, "receipt", kept))
        )
    except (DocumentError, ValidationError) as error:
        complain("receipt_refused", reason=type(error).__name__)
        return
    if (receipt.site, receipt.terminal) != (terminal.site, terminal.name):
        complain("receipt_refused", reason="meant for another terminal")
        return
    if known is not None and receipt.time <= known.time:
        complain("receipt_refused", reason="older than the one that is here")
        return
    confirmed, ledger = Head(receipt.seq, bytes.fromhex(receipt.hash)), stores.ledger
    if ledger.provisional() is None:
        if not ledger.differs(confirmed):
            return
        ledger.append(Fault(code="ledger_diverged", detail=f"receipt for {receipt.seq}"), now)
        ledger.await_receipt("diverged")
    record = ledger.resume(confirmed, document, now)
    complain("ledger_resumed", behind=confirmed.seq, at=record.seq)


def _carry_out(stores: Stores, terminal: Terminal, document: bytes, now: Instant) -> None:
    try:
        order = Order.model_validate(open_document(stores.hq_key, "command", document))
    except (DocumentError, ValidationError) as error:
        complain("command_refused", reason=type(error).__name__)
        return
    if (order.site, order.terminal) != (terminal.site, terminal.name):
        complain("command_refused", reason="meant for another terminal")
        return
    if order.number <= stores.delivery.last_command_number():
        complain("command_refused", reason="its number was used before")
        return
    outcome, detail = _outcome(stores, order, now)
    stores.ledger.append(
        CommandDone(command=order.id, type=order.type, outcome=outcome, detail=detail), now
    )
    reply = {
        "v": 1,
        "command": order.id,
        "site": terminal.site,
        "terminal": terminal.name,
        "outcome": outcome,
        "detail": detail,
        "time": utc_text(now.utc),
    }
    stores.delivery.post_reply(seal_document(stores.signer, "reply", reply))
    stores.delivery.seen_command(order.number)
    say("command", type=order.type, outcome=outcome)


def _outcome(stores: Stores, order: Order, now: Instant) -> tuple[str, str]:
    if order.expires < now.utc:
        return "refused", "expired"
    if order.type != "replay":
        return "refused", "unknown type"
    try:
        replay = Replay.model_validate(order.arguments)
    except ValidationError:
        return "refused", "malformed arguments"
    stores.delivery.request_replay(replay.from_seq)
    return "done", f"from {replay.from_seq}"
