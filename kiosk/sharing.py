"""Giving a person's templates to another terminal of the site, and taking them: on order only.

- `[templates] share` must be on at both, and the person must have consented to it where they
  enrolled. A terminal gives only what was enrolled at it.
- What is given is free of this terminal's transform, inside the seal alone; what is taken goes
  under the receiver's transform before it is stored.
- Of the templates that a person has here, those of the embedder that runs are given, and only
  enrolled ones: what was taken up from presentations is this terminal's.
- The transform is looked up each time: `kiosk templates reissue` may have changed it meanwhile.
- Giving twice under one number is the same; taking is done once (`store.last_order`).
"""

from __future__ import annotations

import base64

from kiosk.errors import NotSharedError
from kiosk.protection import open_protection
from kiosk.station import Station
from kiosk.stores import Stores
from kiosk.template_seal import Envelope, Letter, open_seal, seal
from store.keys import load_sealing_key
from store.orders import Share, Template
from store.precedence import ENDINGS, ending, refusal, share_refusal
from store.records import Instant, TemplatesGiven, TemplatesReceived
from store.register import Agreement
from store.sharing import Newcomer

_RECORDS_AT_ONCE = 1000


def share(stores: Stores, station: Station, order: Share) -> tuple[str, TemplatesGiven]:
    """The person's templates sealed for `order.receiver`, and the record to write with the reply.

    Raises `NotSharedError`, and `SealError` for what is no key.
    """
    model = _allowed(station)
    if order.receiver == station.settings.terminal.name:
        raise NotSharedError("a terminal gives nothing to itself")
    with stores.register.together():
        person = stores.gallery.person(order.number)
        consented = stores.sharing.consent(order.number)
        if person is None:
            raise NotSharedError("nobody has this number here")
        if person.status != "active":
            raise NotSharedError(f"the person is {person.status} here")
        if consented is None:
            raise NotSharedError("no consent for the site is in force; `kiosk people share`")
        if why := share_refusal(stores.sharing.standing(order.number), order.change):
            raise NotSharedError(why)
        entries = [
            entry
            for entry in stores.templates.entries(order.number)
            if entry.model == model and entry.origin == "enrolled"
        ]
        if not entries:
            raise NotSharedError("no templates of the embedder that runs; enrol again")
        agreement, given = consented
        protection = open_protection(stores.keys, stores.templates)
        vectors = protection.remove(stores.templates.vectors([e.id for e in entries]))
        letter = Letter(
            person.name,
            person.language,
            model,
            vectors,
            tuple(entry.quality_millionths for entry in entries),
            _in_force(stores, person.number),
            agreement,
            given,
        )
        terminal = station.settings.terminal
        envelope = Envelope(
            terminal.site, terminal.name, order.receiver, person.number, order.change
        )
        sealed = seal(letter, envelope, base64.b64decode(order.key))
        stores.sharing.give(person.number, order.change)
    record = TemplatesGiven(
        person=person.number,
        templates=len(entries),
        model=model,
        receiver=order.receiver,
        change=order.change,
    )
    return sealed, record


def receive(stores: Stores, station: Station, order: Template, now: Instant) -> int:
    """Take templates sealed for this terminal, inside the order's transaction; returns how many.

    Raises `NotSharedError`, `SealError`, and what `Sharing.receive` raises.
    """
    model = _allowed(station)
    unheard = withdrew_since(stores, order.number, order.heard)
    if why := refusal(stores.sharing.standing(order.number), order.change, unheard=unheard):
        raise NotSharedError(why)
    terminal = station.settings.terminal
    envelope = Envelope(terminal.site, order.sender, terminal.name, order.number, order.change)
    letter = open_seal(order.sealed, envelope, load_sealing_key(stores.keys))
    if letter.model != model:
        raise NotSharedError("made by another embedder than the one that runs here")
    protection = open_protection(stores.keys, stores.templates)
    vectors = protection.apply(letter.vectors)
    body = TemplatesReceived.model_validate(
        {
            "person": order.number,
            "templates": len(vectors),
            "model": model,
            "sender": order.sender,
            "change": order.change,
            "text_digest": letter.agreement.text_digest,
            "text_version": letter.agreement.text_version,
            "how": letter.agreement.how,
            "witness": letter.agreement.witness,
            "given": letter.given,
        }
    )
    stores.sharing.receive(
        Newcomer(order.number, letter.name, letter.language),
        letter.enrolled,
        body,
        [(v, quality, now) for v, quality in zip(vectors, letter.qualities, strict=True)],
        now,
        protection=protection.id,
    )
    return len(vectors)


def withdrew_since(stores: Stores, number: str, heard: int) -> bool:
    """Whether the person's consent ended at this terminal in a record after `heard`.

    Call it inside a transaction of the gallery: there an end is a note or has its record.
    """
    if stores.sharing.ends_untold(number):
        return True
    while records := stores.ledger.records(heard, _RECORDS_AT_ONCE):
        for record in records:
            if record.kind in ENDINGS:
                body = record.content().body
                if body.get("person") == number and ending(record.kind, body) is not None:
                    return True
        heard = records[-1].seq
    return False


def _in_force(stores: Stores, number: str) -> Agreement:
    """The consent for this terminal; without one there are no templates, and none for the site."""
    [entry] = [c for c in stores.gallery.consents(number) if c.ended_utc is None]
    return Agreement(entry.text_version, entry.text_digest, entry.how, entry.witness)


def _allowed(station: Station) -> str:
    """The running embedder's digest; raises `NotSharedError` where sharing is off."""
    if not station.settings.templates.share:
        raise NotSharedError("[templates] share is off here")
    return station.models.get("embedder", "")
