"""A person's templates between the terminals of a site, as one terminal keeps and tells of them.

- `store.precedence` decides; here is what it decides on: the numbers done for a person, and the
  consent for the site, which is one of its own beside the consent for this terminal.
- What came from another terminal stands on the consent that came with it, as that for a terminal:
  a newer notice is asked for here too. It replaces all other templates of the person.
- Ending the consent for this terminal ends the one for the site (the schema sees to it). Ending
  only that for the site leaves what was enrolled here, and deletes what came from elsewhere.
- As in `store.register`, each change and its records are one; call nothing here inside a ledger
  transaction. Who is removed leaves nothing here; a withdrawal of who was never here leaves its
  number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import uuid6

from store.database import Database
from store.errors import ConstraintError, NoConsentError, UnknownPersonError
from store.gallery import Gallery
from store.notes import Notes
from store.people import MAX_TEXT, Vector, bounded_text, number_to_find
from store.precedence import Standing, ending, received, shared, withdrawn
from store.records import (
    Instant,
    PersonEntry,
    SiteConsent,
    SiteConsentWithdrawal,
    TemplatesReceived,
    person_number,
    utc_text,
)
from store.register import Agreement, Register
from store.templates import Templates

_ALL_NOTES = 1_000_000  # they wait for milliseconds, or as long as the disk is full


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Whom templates came for, and how they are shown here when nobody has that number yet."""

    number: str
    name: str
    language: str


class Sharing:
    """What a terminal keeps of sharing in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database, register: Register) -> None:
        self._database = database
        self._register = register
        self._gallery = Gallery(database)
        self._templates = Templates(database)
        self._notes = Notes(database, lambda: str(uuid6.uuid7()))

    def standing(self, number: str) -> Standing:
        """Where a person's templates stand here, also of who is not here."""
        number = number_to_find(number)
        query = "SELECT held, floor, came FROM sharing WHERE person = ?"
        held, floor, came = self._database.one(query, (number,), _row) or (0, 0, False)
        query = "SELECT 1 FROM templates WHERE person = ?"
        templates = self._database.one(query, (number,), int) is not None
        return Standing(held, floor, own=templates and not held, came=came)

    def consent(self, number: str) -> tuple[Agreement, str] | None:
        """The consent for the site that is in force, and when it was given (UTC text)."""
        query = "SELECT text_version, text_digest, how, witness, given_utc FROM site_consents"
        return self._database.one(f"{query} WHERE person = ?", (number_to_find(number),), _consent)

    def agree(self, number: str, agreement: Agreement, at: Instant) -> None:
        """Record the consent for the site, in place of one before it.

        Raises `UnknownPersonError`, `InvalidValueError`, `NoConsentError` without one for this
        terminal, and `ConstraintError` for whose templates are not from here.
        """
        how = bounded_text("how consent was given", agreement.how, MAX_TEXT)
        witness = None if agreement.witness is None else person_number(agreement.witness)
        with self._register.together():
            number = self._known(number)
            if all(consent.ended_utc for consent in self._gallery.consents(number)):
                raise NoConsentError("no consent for this terminal is in force; enrol first")
            if self.standing(number).came:
                raise ConstraintError(
                    "the templates came from another terminal; consent where they were enrolled"
                )
            row = (agreement.text_version, agreement.text_digest, how, witness, utc_text(at.utc))
            self._database.execute(
                "INSERT OR REPLACE INTO site_consents VALUES (?, ?, ?, ?, ?, ?)", (number, *row)
            )
            body = SiteConsent(
                person=number,
                text_version=agreement.text_version,
                text_digest=agreement.text_digest,
                how=how,
                witness=witness,
            )
            self._notes.add(body, at)

    def end(self, number: str, at: Instant, *, order: int | None = None) -> int:
        """End the consent for the site alone; returns how many templates from elsewhere went.

        `order` is the number of headquarters' command for it. Raises `UnknownPersonError`.
        """
        with self._register.together():
            number = self._known(number)
            standing = self.standing(number)
            had = self._database.execute("DELETE FROM site_consents WHERE person = ?", (number,))
            if had or standing.came:
                self._notes.add(SiteConsentWithdrawal(person=number, order=order), at)
            if standing.came:
                # The consent that they stand on is the one for the site.
                return self._register.withdraw(number, at, order=order, reason="unshared")
            if standing.held:
                self._put(number, Standing(floor=standing.floor))
        return 0

    def passed_by(self, number: str, change: int) -> bool:
        """Note headquarters' withdrawal of that number; True when what is here came after it."""
        with self._database.transaction():
            before = self.standing(number)
            if before.held > change:
                return True
            after = withdrawn(before, change)
            self._database.execute(
                "INSERT INTO sharing (person, floor) VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET floor = excluded.floor",
                (person_number(number), after.floor),
            )
        return False

    def forget(self, number: str) -> None:
        """Forget the numbers done for somebody who is not here."""
        self._database.execute(
            "DELETE FROM sharing WHERE person = ? AND person NOT IN (SELECT number FROM people)",
            (number_to_find(number),),
        )

    def ends_untold(self, number: str) -> bool:
        """Whether a note that waits for its record says that the person's consent ended here."""
        notes = self._notes.waiting(_ALL_NOTES)
        bodies = ((note.body.kind, note.body.model_dump(mode="json")) for note in notes)
        return any(b.get("person") == number and ending(kind, b) is not None for kind, b in bodies)

    def give(self, number: str, change: int) -> None:
        """Note that what is here was given away under that number."""
        with self._database.transaction():
            self._put(self._known(number), shared(self.standing(number), change))

    def receive(
        self,
        person: Newcomer,
        agreement: Agreement,
        body: TemplatesReceived,
        templates: Iterable[tuple[Vector, int, Instant]],
        at: Instant,
        *,
        protection: str,
    ) -> None:
        """Put templates from another terminal in place of all others of the person.

        `agreement` is the consent that they stand on where they were enrolled. `body` is the
        record that tells of it, and of the consent for the site; `templates` and `protection` as
        for `Gallery.add_templates`. Raises what the gallery raises, among it `ConstraintError` for
        who has left.
        """
        with self._register.together():
            number = body.person
            if self._gallery.person(number) is None:
                self._gallery.add_person(number, person.name, person.language, at)
                self._notes.add(PersonEntry(person=number, change="added"), at)
            standing = self.standing(number)
            self._templates.delete(entry.id for entry in self._templates.entries(number))
            self._register.agree(number, agreement, at)
            self._gallery.add_templates(number, body.model, templates, protection=protection)
            self._put(number, received(standing, body.change))
            self._notes.add(body, at)

    def _put(self, number: str, standing: Standing) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO sharing VALUES (?, ?, ?, ?)",
            (number, standing.floor, standing.held, int(standing.came)),
        )

    def _known(self, number: str) -> str:
        person = self._gallery.person(number)
        if person is None:
            raise UnknownPersonError("nobody has this number here")
        return person.number


def _row(held: int, floor: int, came: int) -> tuple[int, int, bool]:
    return held, floor, bool(came)


def _consent(
    version: str, digest: str, how: str, witness: str | None, given_utc: str
) -> tuple[Agreement, str]:
    return Agreement(version, digest, how, witness), given_utc
