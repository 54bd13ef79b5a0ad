"""The decision that a terminal goes out of service for good (`kiosk.departure` carries it out).

It is a note that the terminal's own key signed: one that anybody else wrote is no note, and nothing
is erased for it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kiosk.log import complain
from kiosk.settings import Settings
from store.departure import LEAVING, is_decommissioned, is_signed
from store.documents import open_document, seal_document
from store.errors import DocumentError, MalformedKeyError, MissingKeyError
from store.files import disk_error, place
from store.keys import keys_directory, load_signing_key


class Note(BaseModel):
    """The decision. `why`: by headquarters' order or by a technician at the terminal."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    site: str
    terminal: str
    why: Literal["ordered", "technician"]
    at_once: bool


def decide(settings: Settings, why: Literal["ordered", "technician"], *, at_once: bool) -> None:
    """Leave the note; again is no matter. Raises `StorageError`, `KeyFileError`."""
    own = settings.terminal
    note = Note(site=own.site, terminal=own.name, why=why, at_once=at_once)
    key = load_signing_key(keys_directory(settings.store.keys))
    path = settings.store.directory / LEAVING
    with disk_error(path):
        place(path, seal_document(key, "leaving", note.model_dump(mode="json")))


def is_over(settings: Settings) -> bool:
    """Whether the last record was delivered and erasing has begun: the proof is this terminal's.

    While there is a signing key, it must have signed the proof's record: sync could have written
    any. Raises `KeyFileError` where the key cannot be read.
    """
    directory = settings.store.directory
    if not is_decommissioned(directory, settings.terminal):
        return False
    try:
        key = load_signing_key(keys_directory(settings.store.keys)).public_key()
    except (MissingKeyError, MalformedKeyError):
        return True  # a kill came while the key itself went, which is the last to go
    return is_signed(directory, key)


def noted(settings: Settings) -> Note | None:
    """The decision, if there is one that this terminal signed; raises `StoreError`."""
    path = settings.store.directory / LEAVING
    with disk_error(path):
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        key = load_signing_key(keys_directory(settings.store.keys)).public_key()
    except (MissingKeyError, MalformedKeyError):
        # Cut off while the signing key itself went: only what is left of the rest is at stake.
        if is_over(settings):
            return Note(
                site=settings.terminal.site,
                terminal=settings.terminal.name,
                why="ordered",
                at_once=True,
            )
        raise
    try:
        note = Note.model_validate(open_document(key, "leaving", raw))
    except (DocumentError, ValidationError):
        complain("leaving_not_believed")
        return None
    mine = (settings.terminal.site, settings.terminal.name)
    return note if (note.site, note.terminal) == mine else None
