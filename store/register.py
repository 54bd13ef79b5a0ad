"""Changes of the gallery together with the signed records that tell of them.

- Every change and its note are committed together in the gallery; then the notes become records,
  in order, each exactly once (`settle`). A crash at any point leaves a change with its record, a
  change with a note that the next `settle` turns into one, or nothing.
- Records name people by number and count templates; nothing biometric is in them.
- Deleting comes first, telling second: templates are gone from gallery and disk even when the
  ledger cannot be written. A note that is dropped is erased like them: it names who may be gone.
  Galleries that were set aside as damaged go with them.
- Locks are taken gallery first, ledger second. Call nothing here inside a ledger transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import uuid6

from store.credentials import CredentialTables, HashedBadge
from store.database import Database
from store.erasure import Erasure
from store.errors import UnknownPersonError
from store.gallery import Gallery, Person, Role, Status, Vector
from store.genuine import Genuine
from store.ledger import Ledger
from store.notes import Notes
from store.quarantine import forget_galleries
from store.records import (
    Adaptation,
    Body,
    Consent,
    CredentialChange,
    Deletion,
    Enrolment,
    Instant,
    PersonEntry,
    PersonRoles,
    PersonStatus,
    RenewalDue,
    Withdrawal,
)
from store.templates import Templates

# Notes settled in one transaction. It holds the gallery while the ledger commits each record: at 50
# ms an fsync, as bad cards take, one second of the ten that another writer waits.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """What somebody agreed to, how, and who saw it."""

    text_version: str
    text_digest: str
    how: str
    witness: str | None = None


@dataclass(frozen=True, slots=True)
class Assurance:
    """How sure an enrolment is; the fields are those of `store.records.Enrolment`."""

    by: str | None = None
    identity_check: Literal["document", "badge", "known"] | None = None
    live: bool | None = None
    trial_millionths: int | None = None
    renewal: bool | None = None


class Register:
    """Gallery and ledger of one terminal; both connections belong to this thread."""

    def __init__(self, gallery_db: Database, ledger: Ledger) -> None:
        self._database = gallery_db
        self._gallery = Gallery(gallery_db)
        self._templates = Templates(gallery_db)
        self._genuine = Genuine(gallery_db)
        self._credentials = CredentialTables(gallery_db)
        self._erasure = Erasure(gallery_db)
        self._ledger = ledger
        self._notes = Notes(gallery_db, lambda: str(uuid6.uuid7()))
        self._together = False
        self._forget = False  # what was set aside may hold templates that are deleted now

    @property
    def directory(self) -> Path:
        """Where the gallery's file is."""
        return self._database.path.parent

    def enrol(
        self,
        number: str,
        name: str,
        language: str,
        agreement: Agreement,
        model_digest: str,
        templates: Iterable[tuple[Vector, int, Instant]],
        at: Instant,
        *,
        replaced: Sequence[int] = (),
        protection: str | None = None,
        assurance: Assurance | None = None,
    ) -> Person:
        """Add somebody, or templates of somebody who is there, with their consent: all or nothing.

        `templates` and `protection` as for `Gallery.add_templates`; `replaced` are the ids of
        templates that go for them. Raises what the gallery raises.
        """
        rows = list(templates)
        with self.together():
            person = self._gallery.person(number)
            if person is None:
                self._gallery.add_person(number, name, language, at)
                person = self._known(number)
            number = person.number
            self._agree(number, agreement, at)
            self._gallery.add_templates(number, model_digest, rows, protection=protection)
            sure = assurance or Assurance()
            enrolment = Enrolment(
                person=number,
                templates=len(rows),
                model=model_digest,
                by=sure.by,
                identity_check=sure.identity_check,
                live=sure.live,
                trial_millionths=sure.trial_millionths,
                renewal=sure.renewal,
            )
            self._notes.add(enrolment, at)
            self._tell_deletion(person, self._templates.delete(replaced), "replaced", at)
        return self._known(number)

    def agree(self, number: str, agreement: Agreement, at: Instant) -> None:
        """Record a consent of somebody who is there; it renews the one in force, if any.

        Raises what the gallery raises.
        """
        with self.together():
            self._agree(self._known(number).number, agreement, at)

    def adapt(
        self,
        number: str,
        model_digest: str,
        template: tuple[Vector, int, Instant],
        at: Instant,
        *,
        replaced: Sequence[int] = (),
        protection: str | None = None,
    ) -> None:
        """Take up one template from a presentation, for adaptive ones with the ids `replaced`.

        Raises what the gallery raises.
        """
        with self.together():
            person = self._known(number).number
            removed = self._templates.delete(replaced)
            self._gallery.add_templates(
                person, model_digest, [template], origin="adaptive", protection=protection
            )
            self._notes.add(Adaptation(person=person, added=1, removed=removed), at)

    def unadapt(self, number: str, at: Instant) -> int:
        """Delete the templates that were taken up from presentations; returns how many."""
        with self.together():
            person = self._known(number).number
            entries = self._templates.entries(person)
            removed = self._templates.delete(e.id for e in entries if e.origin == "adaptive")
            if removed:
                self._notes.add(Adaptation(person=person, added=0, removed=removed), at)
        return removed

    def ask_renewal(self, number: str, at: Instant) -> bool:
        """Note that new photos of somebody are due; False, and no record, when it was noted."""
        with self.together():
            person = self._known(number).number
            asked = self._genuine.ask_renewal(person, at)
            if asked:
                self._notes.add(RenewalDue(person=person), at)
        return asked

    def withdraw(
        self, number: str, at: Instant, *, order: int | None = None, reason: str = "withdrawn"
    ) -> int:
        """End the consent at the person's wish; returns how many templates were deleted.

        `order` is the number of headquarters' command for it. With another `reason` the consent
        ends because one ended that it stood on, and no withdrawal is recorded.
        """
        with self.together():
            person = self._known(number)
            had_consent = any(c.ended_utc is None for c in self._gallery.consents(number))
            deleted = self._gallery.withdraw(number, at)
            if had_consent and reason == "withdrawn":
                self._notes.add(Withdrawal(person=person.number, order=order), at)
            self._tell_deletion(person, deleted, reason, at, order)
        return deleted

    def block(self, number: str, at: Instant) -> None:
        """Stop recognising somebody at once; the templates stay."""
        self._set_status(number, "blocked", at)

    def unblock(self, number: str, at: Instant) -> None:
        """Recognise somebody again. Who had left is back, and must consent and enrol anew."""
        self._set_status(number, "active", at)

    def leave(
        self,
        number: str,
        at: Instant,
        *,
        reason: str = "left",
        evidence: Callable[[int], Body] | None = None,
    ) -> int:
        """Note that somebody left; returns how many templates were deleted.

        `evidence(templates)` makes a further record when templates were deleted.
        """
        with self.together():
            person = self._known(number)
            self._drop_credentials(person.number, at)
            deleted = self._gallery.set_status(number, "left", at)
            if person.status != "left":
                self._notes.add(PersonStatus(person=person.number, status="left"), at)
            self._tell_deletion(person, deleted, reason, at)
            if deleted and evidence is not None:
                self._notes.add(evidence(deleted), at)
        return deleted

    def remove(self, number: str, at: Instant, *, order: int | None = None) -> int:
        """Delete all of somebody but their records; returns how many templates were deleted.

        `order` as for `withdraw`.
        """
        with self.together():
            person = self._known(number)
            self._drop_credentials(person.number, at)
            deleted = self._gallery.remove_person(number)
            self._forget = True
            done = Deletion(person=person.number, templates=deleted, reason="removed", order=order)
            self._notes.add(done, at)
        return deleted

    def purge_consents(
        self, consents: Sequence[int], people: Sequence[str], evidence: Body, at: Instant
    ) -> None:
        """Delete ended consents and people who have left; `evidence` tells of it."""
        with self.together():
            self._gallery.purge_consents(consents, people)
            self._notes.add(evidence, at)
            for number in people:
                self._notes.add(Deletion(person=number, templates=0, reason="retention"), at)

    def upsert(
        self,
        number: str,
        name: str,
        language: str,
        status: Status,
        keep_until: datetime | None,
        at: Instant,
    ) -> bool:
        """Enter somebody, or bring who is there to this state; True when they are new.

        Raises `InvalidValueError`.
        """
        with self.together():
            before = self._gallery.person(number)
            if before is None:
                self._gallery.add_person(number, name, language, at)
            else:
                self._gallery.set_names(number, name, language)
            self._gallery.set_keep_until(number, keep_until)
            after = self._known(number)
            if before is None or before != after:
                change = "added" if before is None else "changed"
                body = PersonEntry.model_validate({"person": after.number, "change": change})
                self._notes.add(body, at)
            if status == "left":
                self.leave(number, at)
            else:
                self._set_status(number, status, at)
        return before is None

    def set_roles(self, number: str, roles: Iterable[Role], at: Instant) -> None:
        """Give somebody exactly these roles."""
        with self.together():
            person = self._known(number)
            wanted = tuple(sorted(set(roles)))
            if set(wanted) != set(person.roles):
                self._gallery.set_roles(number, wanted)
                self._notes.add(PersonRoles(person=person.number, roles=wanted), at)

    def set_badge(self, number: str, badge: HashedBadge, at: Instant) -> bool:
        """Give somebody a badge beside those they have; False, and no record, when it is theirs.

        Raises what `CredentialTables.add_badge` raises.
        """
        with self.together():
            person = self._known(number).number
            added = self._credentials.add_badge(person, badge, at)
            if added:
                self._tell_credential(person, "badge", "set", at)
        return added

    def set_badges(self, number: str, badges: Sequence[HashedBadge], at: Instant) -> None:
        """Give somebody exactly these badges; what they have already stays, without a record.

        Raises what `CredentialTables.add_badge` raises.
        """
        with self.together():
            person = self._known(number).number
            if self._credentials.take_other_badges(person, badges):
                self._tell_credential(person, "badge", "removed", at)
            for badge in badges:
                self.set_badge(person, badge, at)

    def remove_badges(self, number: str, at: Instant) -> int:
        """Take all badges from somebody; returns how many."""
        with self.together():
            person = self._known(number).number
            removed = self._credentials.remove_badges(person)
            if removed:
                self._tell_credential(person, "badge", "removed", at)
        return removed

    def set_pin(self, number: str, pin_hash: str, at: Instant) -> None:
        """Give somebody the PIN of this hash in place of any other (`store.pins`).

        The one that they have is left, with its wrong tries. Raises what `CredentialTables.put_pin`
        raises.
        """
        with self.together():
            person = self._known(number).number
            if self._credentials.pin_hash(person) != pin_hash:
                self._credentials.put_pin(person, pin_hash, at)
                self._tell_credential(person, "pin", "set", at)

    def remove_pin(self, number: str, at: Instant) -> bool:
        """Take the PIN from somebody; False, and no record, when there was none."""
        with self.together():
            person = self._known(number).number
            removed = self._credentials.remove_pin(person)
            if removed:
                self._tell_credential(person, "pin", "removed", at)
        return removed

    def settle(self, *, patient: bool = False) -> int:
        """Write the records of notes that wait; returns how many records.

        Call it at the start and once in a while: a crash, or a full disk, may have left some. An
        erasure that a reader hinders is put off to the next call; with `patient` it is tried for
        half a second first.
        """
        if self._ledger.in_transaction or self._database.in_transaction:
            raise RuntimeError("settle begins transactions of its own, gallery first")
        self._erasure.finish(patient=patient)
        written = 0
        while self._notes.waiting(1):  # spares the write lock when there is nothing to do
            with self._database.transaction():
                notes = self._notes.waiting(_AT_ONCE)
                for note in notes:
                    if self._ledger.append_once(note.token, note.body, note.at) is not None:
                        written += 1
                    self._notes.drop(note)
                self._erasure.mark()  # a dropped note names a person, who may be gone
            for note in notes:
                self._ledger.forget(note.token)
        self._erasure.finish(patient=patient)
        return written

    @contextmanager
    def together(self) -> Iterator[None]:
        """The changes inside are one: all of them or, when an exception passes, none.

        Their records are written when the outermost ends.
        """
        if self._ledger.in_transaction:
            raise RuntimeError("the gallery is changed outside of ledger transactions")
        outermost, self._together = not self._together, True
        try:
            with self._database.transaction():
                yield
        finally:
            self._together = not outermost
        if outermost:
            self.settle(patient=True)
            if self._forget:
                forget_galleries(self.directory)
                self._forget = False

    def _agree(self, number: str, agreement: Agreement, at: Instant) -> None:
        said = agreement
        self._gallery.record_consent(
            number, said.text_version, said.text_digest, said.how, said.witness, at
        )
        consent = Consent(
            person=number,
            text_digest=said.text_digest,
            text_version=said.text_version,
            how=said.how,
            witness=said.witness,
        )
        self._notes.add(consent, at)

    def _set_status(self, number: str, status: str, at: Instant) -> None:
        with self.together():
            person = self._known(number)
            if person.status != status:
                body = PersonStatus.model_validate({"person": person.number, "status": status})
                self._gallery.set_status(number, body.status, at)
                self._notes.add(body, at)

    def _tell_deletion(
        self, person: Person, deleted: int, reason: str, at: Instant, order: int | None = None
    ) -> None:
        if deleted:
            self._forget = self._forget or reason != "replaced"
            body: Body = Deletion(
                person=person.number, templates=deleted, reason=reason, order=order
            )
            self._notes.add(body, at)

    def _drop_credentials(self, person: str, at: Instant) -> None:
        if self._credentials.remove_badges(person):
            self._tell_credential(person, "badge", "removed", at)
        if self._credentials.remove_pin(person):
            self._tell_credential(person, "pin", "removed", at)

    def _tell_credential(
        self,
        person: str,
        credential: Literal["badge", "pin"],
        change: Literal["set", "removed"],
        at: Instant,
    ) -> None:
        self._notes.add(CredentialChange(person=person, credential=credential, change=change), at)
        self._erasure.mark()  # the log may hold the hash that is no more

    def _known(self, number: str) -> Person:
        person = self._gallery.person(number)
        if person is None:
            raise UnknownPersonError("nobody has this number here")
        return person
