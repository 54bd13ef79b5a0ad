"""Whom the daemon can recognise, kept in step with the gallery without reading it anew.

- Loaded whole at the start and after a re-issue; otherwise only who changed is read.
- Who was withdrawn, blocked or removed is out of memory with the next refresh.
"""

from __future__ import annotations

from kiosk.log import complain, say
from kiosk.protection import open_protection
from kiosk.stores import Stores
from recognizer.matcher import Matcher


class ServedPeople:
    """The active people's templates of one model, as of the last `refresh`."""

    def __init__(self, stores: Stores, model_digest: str) -> None:
        self._stores, self._model = stores, model_digest
        self.protection = stores.protection
        self.matcher: Matcher
        self._position = -1

    def refresh(self) -> bool:
        """Take up what changed since the last time; False when nothing did. Raises `StoreError`.

        The position is read before the templates: what changes in between is read again next time.
        """
        templates = self._stores.templates
        first = self._position < 0
        since = templates.position() if first else self._position
        changes = templates.changed_since(since)
        if changes.position == self._position:
            return False
        if first or templates.protection() != self.protection.id:
            self.matcher = self._load()
        else:
            gone = self.matcher.names() - templates.numbers() if changes.removed else set()
            fresh = templates.active(self._model, changes.people)
            if templates.protection() != self.protection.id:  # re-issued under our hands
                return self.refresh()
            self.matcher = self.matcher.replacing({*changes.people, *gone}, *fresh)
        self._position = changes.position
        say("gallery", people=self.matcher.people, templates=len(self.matcher))
        if first:
            self._tell_overdue()
        return True

    def _load(self) -> Matcher:
        """Everybody, under the key that the gallery is under before and after."""
        templates = self._stores.templates
        while True:
            if templates.protection() != self.protection.id:
                self.protection = open_protection(self._stores.keys, templates)
            loaded = templates.active(self._model)
            if templates.protection() == self.protection.id:
                return Matcher(*loaded)

    def _tell_overdue(self) -> None:
        stale = self._stores.gallery.other_models(self._model)
        if stale:
            complain("enrol_again", people=len(stale), why="templates of another model")
        due = self._stores.genuine.renewals()
        if due:
            complain("enrol_again", people=due, why="scores have fallen since the enrolment")
