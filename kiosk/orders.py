"""What headquarters orders: signed commands from the inbox, carried out here and nowhere else.

A receipt that does not fit this ledger comes the same way: headquarters has records that are not
here, because the file was lost, restored or is an old copy (`kiosk.resumption`).

The sync process only carries them. A command is carried out when HQ's signature holds, it is meant
for this terminal, it has not expired and its number is higher than any before. Anything else
changes nothing; it is counted and reported (`kiosk.station`).

- Numbers only grow. A gap is nothing special: headquarters counts for other reasons too. Of what
  waits together the lower number goes first; one that comes after a higher one was done is never
  done, and headquarters, which misses its reply, sends it anew under a new number.
- A command that expired, that is of a type not known here, or whose arguments are not right is
  *answered*: record and reply say "refused" and why, and its number is used up.
- Record, reply, number and removal from the inbox are one transaction of the ledger. What the
  command changes elsewhere comes before it and names the command's number in the same transaction
  (gallery: `store.last_order`) or the same file (`kiosk.overrides`). After a crash in between, the
  command comes again, its number is found there, and only the ledger's part is done.
- Replays, purges, the diagnostics and passing a certificate on are the same when done twice.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from kiosk.execution import Outcome, execute, finished
from kiosk.log import say
from kiosk.renewal import tell_renewal
from kiosk.resumption import resume
from kiosk.station import Station
from kiosk.stores import Stores
from store.canonical import MAX_SAFE_INTEGER
from store.delivery import InboxMessage
from store.documents import open_document, seal_document
from store.errors import ForgedDocument, MalformedDocument
from store.records import CommandDone, Instant, utc_text
from store.renewal import Renewal

_AT_ONCE = 20


class Order(BaseModel):
    """A command's body as the contract has it; unknown fields are passed over."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1]
    id: str = Field(pattern=r"^[!-~]{1,64}$")
    number: int = Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)
    site: str
    terminal: str
    type: str = Field(min_length=1, max_length=64)
    expires: AwareDatetime
    arguments: dict[str, object] = Field(default_factory=dict)


def obey(stores: Stores, station: Station, now: Instant) -> int:
    """Carry out what waits in the inbox; returns how many messages were taken from it.

    Raises what gallery and ledger raise; the message then stays and comes again.
    """
    waiting = stores.delivery.inbox(_AT_ONCE)
    read = [(message, _read(stores, station, message)) for message in waiting]
    for message, order in sorted(read, key=lambda pair: pair[1].number if pair[1] else 0):
        outcome = _carry_out(stores, station, order, now) if order else None
        # One transaction: recorded, answered and taken from the inbox, or none of it.
        with stores.ledger_db.transaction():
            if order and outcome:
                _answer(stores, station, order, outcome, now)
            elif message.kind == "receipt":
                resume(stores, station.settings.terminal, message.document, now)
            stores.delivery.drop_inbox(message.id)
        if order and outcome:
            say("command", type=order.type[:64], outcome=outcome.word)
            station.restart = station.restart or outcome.restart
    tell_renewal(stores, now)
    station.report_refusals(stores, now)
    return len(waiting)


def _read(stores: Stores, station: Station, message: InboxMessage) -> Order | None:
    """The order in a message; None, and counted, when it is none for us."""
    if message.kind != "command":
        return None
    try:
        order = Order.model_validate(open_document(stores.hq_key, "command", message.document))
    except ForgedDocument:
        station.refuse("forged")
        return None
    except (MalformedDocument, ValidationError):
        station.refuse("malformed")
        return None
    if (order.site, order.terminal) != (
        station.settings.terminal.site,
        station.settings.terminal.name,
    ):
        station.refuse("misaddressed")
        return None
    return order


def _carry_out(stores: Stores, station: Station, order: Order, now: Instant) -> Outcome | None:
    """Do it, outside of any ledger transaction; None, and counted, when its time is over."""
    done = finished(stores, station, order.number, order.type)
    if order.number <= stores.delivery.last_command_number() or (
        done is None and order.number <= _highest(stores, station)
    ):
        station.refuse("replayed")
        return None
    if done is not None:
        return done
    if order.expires < now.utc:
        station.refuse("expired")
        return Outcome("refused", "expired")
    return execute(stores, station, order.number, order.type, order.arguments, now)


def _highest(stores: Stores, station: Station) -> int:
    """The highest number known beside the ledger: it holds where the ledger had to begin anew."""
    last = stores.last_order.get()
    return max(last.number if last else 0, station.overrides.state.number)


def _answer(stores: Stores, station: Station, order: Order, outcome: Outcome, now: Instant) -> None:
    for body in outcome.records:
        stores.ledger.append(body, now)
    stores.ledger.append(
        CommandDone(command=order.id, type=order.type, outcome=outcome.word, detail=outcome.detail),
        now,
    )
    if outcome.replay_from is not None:
        stores.delivery.request_replay(outcome.replay_from)
    if outcome.renew:
        Renewal(stores.ledger_db).begin(order.number)
    reply = {
        "v": 1,
        "command": order.id,
        "site": station.settings.terminal.site,
        "terminal": station.settings.terminal.name,
        "outcome": outcome.word,
        "detail": outcome.detail,
        "time": utc_text(now.utc),
    }
    if outcome.sealed is not None:
        reply["sealed"] = outcome.sealed
    stores.delivery.post_reply(seal_document(stores.signer, "reply", reply))
    stores.delivery.seen_command(order.number)
