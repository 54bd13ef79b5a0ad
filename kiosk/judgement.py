"""Which records a decision of headquarters about somebody's punches makes, or why it makes none.

- A dispute or declared punch is answered once. An approval has its correction beside the answer;
  `kiosk.orders` commits both together with `command_done`, or neither.
- What a decision is about must name the person here: nothing is decided about another's record.
- That two people decided is checked with the arguments (`store.orders`), before this.
"""

from __future__ import annotations

from datetime import datetime

from kiosk.own_records import right_time
from store.orders import GiveAnswer, MakeCorrection
from store.own_records import OwnRecords
from store.records import Answer, Body, Correction, DeclaredPunch, Direction, Dispute, Punch


def answer_records(own: OwnRecords, order: GiveAnswer) -> tuple[Body, ...] | str:
    """The answer, with its correction when it is an approval; a text says why there is none."""
    record = own.one(order.person, order.answers)
    asked = None if record is None else record.content().known_body()
    if record is None or not isinstance(asked, Dispute | DeclaredPunch):
        return "no such dispute or declared punch of this person here"
    earlier = [one.content().body for one in own.of_kinds(order.person, (Answer.kind,))]
    if any(body.get("answers") == order.answers for body in earlier):
        return "answered already; `correct` changes what counts"
    answer = Answer(
        person=order.person,
        answers=order.answers,
        outcome=order.outcome,
        by=order.by,
        approved_by=order.approved_by,
        why=order.why,
    )
    if order.action is None:
        return (answer,)
    if isinstance(asked, DeclaredPunch):
        declared_utc = right_time(own, record) or record.content().time.utc
        correction = _for_declared(asked, declared_utc, order)
    else:
        correction = _for_dispute(asked, order)
    return correction if isinstance(correction, str) else (answer, correction)


def correction_records(own: OwnRecords, order: MakeCorrection) -> tuple[Body, ...] | str:
    """The correction that headquarters makes of its own accord; a text says why there is none."""
    if order.corrects is not None:
        record = own.one(order.person, order.corrects)
        body = None if record is None else record.content().known_body()
        added = isinstance(body, Correction) and body.action == "added"
        if not (added or isinstance(body, Punch)):
            return "no such punch of this person here"
    return (_correction(order, order.corrects, order.utc, order.direction),)


def _for_declared(asked: DeclaredPunch, utc: datetime, order: GiveAnswer) -> Correction | str:
    if order.action != "added":
        return "a declared punch is added, or refused"
    return _correction(order, None, order.utc or utc, order.direction or asked.direction)


def _for_dispute(asked: Dispute, order: GiveAnswer) -> Correction | str:
    if order.action == "added":
        if order.utc is None:
            return "what is added needs its time"
        return _correction(order, None, order.utc, order.direction)
    if asked.about is None:
        return "the dispute is about no record: a punch can only be added"
    return _correction(order, asked.about, order.utc, order.direction)


def _correction(
    order: GiveAnswer | MakeCorrection,
    corrects: str | None,
    utc: datetime | None,
    direction: Direction | None,
) -> Correction:
    if order.action is None or order.approved_by is None:
        raise ValueError("the arguments were not checked")
    return Correction(
        person=order.person,
        action=order.action,
        corrects=corrects,
        utc=utc,
        direction=direction,
        by=order.by,
        approved_by=order.approved_by,
        why=order.why,
        answers=order.answers if isinstance(order, GiveAnswer) else None,
    )
