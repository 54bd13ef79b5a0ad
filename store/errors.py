"""The store's error tree.

Every error is a `StoreError` and also the built-in that a caller would expect. A message is one
line with the mend in it (only `SettingsError` has several lines); none holds a name, a key, an
embedding or a record's content.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class StoreError(Exception):
    """Base of every error of this package."""


class SettingsError(StoreError, ValueError):
    """The settings file cannot be used; `mistakes` has one line for each thing wrong with it."""

    def __init__(self, path: Path, mistakes: Sequence[str]) -> None:
        self.path = path
        self.mistakes = tuple(mistakes)
        super().__init__("\n  ".join([f"{path} cannot be used:", *self.mistakes]))


class NotCanonicalError(StoreError, ValueError):
    """A value has no RFC 8785 form here: a float, a huge integer, a lone surrogate, too deep."""


class InvalidValueError(StoreError, ValueError):
    """An argument is out of the range that the store keeps."""


# Documents


class DocumentError(StoreError, ValueError):
    """A signed document cannot be believed."""


class SiteFileError(StoreError, ValueError):
    """A site file cannot be believed or used."""


class JoinDocumentError(StoreError, ValueError):
    """A request to join, or the answer to it, cannot be believed or is for another."""


class TokenError(StoreError, ValueError):
    """A join token is mistyped or none."""


class MalformedDocument(DocumentError):  # noqa: N818 (the contract's word for it)
    """The bytes are no signed document."""


class ForgedDocument(DocumentError):  # noqa: N818 (the contract's word for it)
    """The document's signature does not hold for this key and purpose."""


# Keys


class KeyFileError(StoreError, OSError):
    """A key file cannot be read, written or used; the message names it."""


class MissingKeyError(KeyFileError, FileNotFoundError):
    """A key file is not there."""


class MalformedKeyError(KeyFileError, ValueError):
    """A key file holds something else than the key it should."""


class WrongTemplatesKeyError(KeyFileError, ValueError):
    """`templates.key` is not the key that the stored templates went through."""


class ExposedKeyError(KeyFileError, PermissionError):
    """A secret key file can be read by everybody or written by its group."""


class ReadOnlyKeysError(KeyFileError):
    """The keys are to be changed, but they are systemd's credentials or on a read-only disk."""


# Databases


class DatabaseError(StoreError):
    """Base of what can go wrong with a database file."""


class MissingDatabaseError(DatabaseError, FileNotFoundError):
    """The database file is not there, or nothing was ever written to it."""


class WrongKeyError(DatabaseError, ValueError):
    """The key does not open the file: another key's, a plain file, or a damaged first page."""


class NewerSchemaError(DatabaseError, RuntimeError):
    """The file was written by a newer version of the program; it was left untouched."""


class ForeignDatabaseError(DatabaseError, ValueError):
    """The key opens the file, but it is another kind of database."""


class StorageError(DatabaseError, OSError):
    """The disk refused a read, a write or an fsync; what was committed before is not affected."""


class DiskFullError(StorageError):
    """There is no room left; what was committed before is not affected."""


class UnsoundDatabaseError(DatabaseError, OSError):
    """The file cannot be gone on with. `kiosk run` sets it aside at its start and begins anew."""


class DamagedDatabaseError(UnsoundDatabaseError):
    """The database's content contradicts itself or fails its authentication."""


class RolledBackError(UnsoundDatabaseError):
    """The file is older than what was committed: an old copy, or its write-ahead log is gone."""


class ReplacedDatabaseError(UnsoundDatabaseError):
    """Another file, or none, stands where the open database was; it is to be opened again."""


class DatabaseBusyError(DatabaseError, TimeoutError):
    """Another process held the database for longer than the busy timeout."""


class DatabaseInUseError(DatabaseBusyError):
    """A database has to be had alone, and another connection has it open; nothing was changed."""


class ConstraintError(DatabaseError, ValueError):
    """The change would break a rule of the schema; nothing was changed."""


# Ledger and delivery


class BrokenChainError(StoreError, ValueError):
    """A record of the chain does not hold: `seq` is the first bad one, `what` says why."""

    def __init__(self, seq: int, what: str) -> None:
        self.seq = seq
        self.what = what
        super().__init__(f"record {seq}: {what}")


class NoSignerError(StoreError, RuntimeError):
    """A ledger that was opened for reading only was asked to append."""


class ForeignLedgerError(StoreError, ValueError):
    """The ledger belongs to another terminal or another signing key."""


class NotReceivedError(StoreError, ValueError):
    """Records were to be pruned that headquarters does not have."""


class InboxFullError(StoreError, RuntimeError):
    """The inbox holds as much as it may; nothing was taken in."""


# Gallery


class UnknownPersonError(StoreError, LookupError):
    """No person with this number is in the gallery."""


class DuplicatePersonError(ConstraintError):
    """A person with this number is in the gallery already."""


class NoConsentError(ConstraintError):
    """The person has no consent that is in force, so no template may be stored."""


class OtherProtectionError(ConstraintError):
    """Templates went through another transform than those stored; nothing was changed."""


class TakenBadgeError(ConstraintError):
    """A badge is somebody else's; nothing was changed."""


class UnsuitablePinError(InvalidValueError):
    """A PIN is too short, too long, no digits or too easy to guess."""


# Backups


class BackupError(StoreError):
    """Base of what can go wrong with a backup."""


class RecipientError(BackupError, ValueError):
    """There is nobody to encrypt to, or not with a public key of age's."""


class IdentityError(BackupError, ValueError):
    """The identity file holds no age secret key, or not the one that the backup is encrypted to."""


class DamagedArchiveError(BackupError, ValueError):
    """The file is no whole backup: cut off, changed, of somebody else's making."""


class NewerArchiveError(BackupError, RuntimeError):
    """The backup was made by a newer version of the program."""


class OccupiedError(BackupError, FileExistsError):
    """Something stands where a file would be put; nothing was overwritten."""
