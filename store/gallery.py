"""The gallery: who is on this terminal, what they agreed to, and their face templates.

- A template stands on a consent that is in force; the schema makes anything else impossible. When
  a consent ends, its templates are deleted first.
- A person has at most one consent in force. A newer one renews it and takes over the templates.
- Who is blocked keeps the templates, who has left does not; neither is in `templates()`.
- Deleting templates overwrites them, cuts the write-ahead log to nothing, and is remembered until
  that has succeeded (`erasure_pending`). What a person learns of this from the ledger is written by
  the caller.
- A template is compared only with probes of the model that made it (SHA-256 of the weights).
- Vectors are float32 of shape (d,), L2-normalised. They and the names leave this module only as
  values, never in messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, get_args

from store.database import Database
from store.erasure import Erasure
from store.errors import (
    ConstraintError,
    DuplicatePersonError,
    InvalidValueError,
    NoConsentError,
    UnknownPersonError,
)
from store.people import (
    MAX_TEXT,
    ConsentEntry,
    Origin,
    Person,
    Role,
    Status,
    Vector,
    bounded_quality,
    bounded_text,
    number_to_find,
    person_from_row,
    shown_name,
    template_bytes,
)
from store.records import Instant, person_number, utc_text
from store.templates import Templates

__all__ = ["ConsentEntry", "Gallery", "Person", "Role", "Status", "Vector"]

_PERSON = """SELECT number, name, language, status,
    (SELECT count(*) FROM templates WHERE person = number),
    (SELECT group_concat(role, ' ' ORDER BY role) FROM roles WHERE person = number),
    keep_until_utc, EXISTS (SELECT 1 FROM renewals WHERE person = number) FROM people"""


class Gallery:
    """The gallery in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._erasure = Erasure(database)
        self._templates = Templates(database)

    def version(self) -> int:
        """A number that differs after any change, by this connection or another. Microseconds."""
        return self._database.version()

    def add_person(self, number: str, name: str, language: str, at: Instant) -> None:
        """Add somebody, active and without templates.

        Raises `DuplicatePersonError`, `InvalidValueError`.
        """
        number = person_number(number)
        name = shown_name(name)
        language = bounded_text("a language", language, 35)  # RFC 5646 section 4.4.1
        with self._database.transaction():
            if self.person(number) is not None:
                raise DuplicatePersonError("somebody has this number already")
            self._database.execute(
                "INSERT INTO people (number, name, language, added_utc) VALUES (?, ?, ?, ?)",
                (number, name, language, utc_text(at.utc)),
            )

    def person(self, number: str) -> Person | None:
        """The person of this number; None without one."""
        return self._database.one(
            f"{_PERSON} WHERE number = ?", (number_to_find(number),), person_from_row
        )

    def people(self) -> list[Person]:
        """Everybody, by number."""
        return self._database.rows(f"{_PERSON} ORDER BY number", (), person_from_row)

    def set_status(self, number: str, status: Status, at: Instant) -> int:
        """Block somebody, let them in again, or note that they left; returns templates deleted.

        Leaving ends the consent and deletes the templates. Raises `UnknownPersonError`.
        """
        if status not in get_args(Status):
            raise InvalidValueError(f"a status is one of {', '.join(get_args(Status))}")
        with self._database.transaction():
            number = self._known(number)
            left_utc = utc_text(at.utc) if status == "left" else None
            self._database.execute(
                "UPDATE people SET status = ?, left_utc = ? WHERE number = ?",
                (status, left_utc, number),
            )
            deleted = self._end_consent(number, "left", at) if status == "left" else 0
        self.finish_erasure()
        return deleted

    def set_roles(self, number: str, roles: Iterable[Role]) -> None:
        """Give somebody exactly these roles. Raises `UnknownPersonError`, `InvalidValueError`."""
        wanted = sorted(set(roles))
        if not set(wanted) <= set(get_args(Role)):
            raise InvalidValueError(f"a role is one of {', '.join(get_args(Role))}")
        with self._database.transaction():
            number = self._known(number)
            self._database.execute("DELETE FROM roles WHERE person = ?", (number,))
            self._database.insert_many(
                "INSERT INTO roles VALUES (?, ?)", [(number, role) for role in wanted]
            )

    def set_names(self, number: str, name: str, language: str) -> None:
        """Change somebody's name and language. Raises `UnknownPersonError`, `InvalidValueError`."""
        name = shown_name(name)
        language = bounded_text("a language", language, 35)
        with self._database.transaction():
            self._database.execute(
                "UPDATE people SET name = ?, language = ? WHERE number = ?",
                (name, language, self._known(number)),
            )

    def set_keep_until(self, number: str, until: datetime | None) -> None:
        """Set when somebody is taken to have left (retention sees to it); None for no such date.

        Raises `UnknownPersonError`.
        """
        with self._database.transaction():
            self._database.execute(
                "UPDATE people SET keep_until_utc = ? WHERE number = ?",
                (None if until is None else utc_text(until), self._known(number)),
            )

    def record_consent(
        self,
        number: str,
        text_version: str,
        text_digest: str,
        how: str,
        witness: str | None,
        at: Instant,
    ) -> None:
        """Note that somebody agreed to a text; renews the consent that is in force, if any.

        Raises `UnknownPersonError`, `InvalidValueError`, and `ConstraintError` for who has left.
        """
        row = (
            bounded_text("a text's version", text_version, 64),
            bounded_text("a text's digest", text_digest, 64),
            bounded_text("how consent was given", how, MAX_TEXT),
            None if witness is None else person_number(witness),
            utc_text(at.utc),
        )
        with self._database.transaction():
            number = self._known(number)
            person = self.person(number)
            if person is not None and person.status == "left":
                raise ConstraintError("the person has left; make them active first")
            self._close_consent(number, "renewed", at)
            consent = self._database.insert(
                "INSERT INTO consents (person, text_version, text_digest, how, witness, given_utc)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (number, *row),
            )
            self._database.execute(
                "UPDATE templates SET consent = ? WHERE person = ?", (consent, number)
            )

    def consents(self, number: str) -> list[ConsentEntry]:
        """Every consent of a person, oldest first; the one in force has not ended."""
        return self._database.rows(
            "SELECT text_version, text_digest, how, witness, given_utc, ended_utc, ended_why "
            "FROM consents WHERE person = ? ORDER BY id",
            (number_to_find(number),),
            ConsentEntry,
        )

    def consent_version(self, number: str) -> str | None:
        """The version of the text that a person's consent in force is to; None without one."""
        return self._database.one(
            "SELECT text_version FROM consents WHERE person = ? AND live = 1",
            (number_to_find(number),),
            str,
        )

    def add_templates(
        self,
        number: str,
        model_digest: str,
        templates: Iterable[tuple[Vector, int, Instant]],
        *,
        origin: Origin = "enrolled",
        protection: str | None = None,
    ) -> None:
        """Store templates: (vector (d,) float32 of length 1, quality in millionths, when made).

        `protection` is the id of the transform that they went through, which must be that of all
        others (`store.templates`). Raises `UnknownPersonError`, `NoConsentError`,
        `InvalidValueError`, `OtherProtectionError`; then none is stored.
        """
        rows = [(template_bytes(v), bounded_quality(q), utc_text(at.utc)) for v, q, at in templates]
        model = bounded_text("a model's digest", model_digest, 64)
        with self._database.transaction():
            number = self._known(number)
            consent = self._database.one(
                "SELECT id FROM consents WHERE person = ? AND live = 1", (number,), int
            )
            if consent is None:
                raise NoConsentError("no consent is in force; record one first")
            self._templates.require(protection)
            sizes = {len(vector) for vector, _, _ in rows} | set(
                self._database.rows(
                    "SELECT length(vector) FROM templates WHERE model = ? LIMIT 1", (model,), int
                )
            )
            if len(sizes) > 1:
                raise InvalidValueError("templates of one model have one length")
            self._database.insert_many(
                "INSERT INTO templates (person, consent, model, vector, quality_millionths, "
                "made_utc, origin) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(number, consent, model, *row, origin) for row in rows],
            )

    def other_models(self, model_digest: str) -> list[str]:
        """The active people who have templates, but none of this model: they must enrol again."""
        return self._database.rows(
            "SELECT number FROM people WHERE status = 'active' "
            "AND EXISTS (SELECT 1 FROM templates WHERE person = number) "
            "AND NOT EXISTS (SELECT 1 FROM templates WHERE person = number AND model = ?) "
            "ORDER BY number",
            (model_digest,),
            str,
        )

    def withdraw(self, number: str, at: Instant) -> int:
        """End the consent at the person's wish; returns how many templates were deleted.

        Raises `UnknownPersonError`.
        """
        with self._database.transaction():
            deleted = self._end_consent(self._known(number), "withdrawn", at)
        self.finish_erasure()
        return deleted

    def remove_person(self, number: str) -> int:
        """Delete a person, their consents and templates; returns how many templates.

        Raises `UnknownPersonError`.
        """
        with self._database.transaction():
            number = self._known(number)
            deleted = self._delete_templates(number)
            self._database.execute("DELETE FROM people WHERE number = ?", (number,))
            self._erasure.mark()
        self.finish_erasure()
        return deleted

    def overdue(self, now: datetime) -> list[str]:
        """The numbers of the people whose `keep_until` has come and who have not left yet."""
        return self._database.rows(
            "SELECT number FROM people WHERE status <> 'left' AND keep_until_utc <= ? "
            "ORDER BY number",
            (utc_text(now),),
            str,
        )

    def ended_before(self, utc: str) -> tuple[list[int], list[str]]:
        """The ids of the consents that ended before this UTC text, and whom they leave with none.

        The second are the numbers of those who left before it and have no younger consent.
        """
        consents = self._database.rows(
            "SELECT id FROM consents WHERE live = 0 AND ended_utc < ? ORDER BY id", (utc,), int
        )
        people = self._database.rows(
            "SELECT number FROM people WHERE status = 'left' AND left_utc < ? AND NOT EXISTS "
            "(SELECT 1 FROM consents WHERE person = number AND (live = 1 OR ended_utc >= ?)) "
            "ORDER BY number",
            (utc, utc),
            str,
        )
        return consents, people

    def purge_consents(self, consents: Iterable[int], people: Iterable[str]) -> None:
        """Delete ended consents, and people who have left, as `ended_before` named them."""
        with self._database.transaction():
            for consent in consents:
                self._database.execute("DELETE FROM consents WHERE id = ? AND live = 0", (consent,))
            for number in people:
                self._database.execute(
                    "DELETE FROM people WHERE number = ? AND status = 'left'", (number,)
                )
            self._erasure.mark()
        self.finish_erasure()

    def erasure_pending(self) -> bool:
        """Whether deleted data may still be in the write-ahead log, because a reader was busy."""
        return self._erasure.pending()

    def finish_erasure(self) -> bool:
        """Cut the write-ahead log to nothing if an erasure waits for it; False if it still does."""
        return self._erasure.finish()

    def _end_consent(self, number: str, why: Literal["withdrawn", "left"], at: Instant) -> int:
        deleted = self._delete_templates(number)
        self._close_consent(number, why, at)
        return deleted

    def _close_consent(self, number: str, why: str, at: Instant) -> None:
        self._database.execute(
            "UPDATE consents SET live = 0, ended_utc = ?, ended_why = ? "
            "WHERE person = ? AND live = 1",
            (utc_text(at.utc), why, number),
        )

    def _delete_templates(self, number: str) -> int:
        deleted = self._database.execute("DELETE FROM templates WHERE person = ?", (number,))
        if deleted:
            self._erasure.mark()
        return deleted

    def _known(self, number: str) -> str:
        person = self.person(number)
        if person is None:
            raise UnknownPersonError("nobody has this number here")
        return person.number
