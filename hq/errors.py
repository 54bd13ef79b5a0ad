"""The errors of headquarters."""

from __future__ import annotations


class HqError(Exception):
    """Base of every error of this package."""


class KeyFileError(HqError, OSError):
    """A key file is missing, exists already or holds something else; the message names it."""


class CertificateError(HqError, ValueError):
    """A terminal's certificate or the request for it is not what it should be; says which."""


class UnknownRecordError(HqError, LookupError):
    """No such record has arrived, or it is of another person or kind."""


class DecisionError(HqError, ValueError):
    """A decision about somebody's punches is incomplete, one person's alone, or made already."""


class UnknownTerminalError(HqError, LookupError):
    """No such terminal is registered."""


class NotSharedError(HqError, ValueError):
    """A person's templates cannot be shared now; says why and what to do."""


class DuplicateTerminalError(HqError, ValueError):
    """The terminal is registered already, with another public key."""


class DatabaseError(HqError):
    """Base of what can go wrong with the database."""


class DatabaseTroubleError(DatabaseError, OSError):
    """The database cannot be reached, is busy or full; the same work may succeed later."""


class DatabaseConflictError(DatabaseError, ValueError):
    """The database refused the data: another worker was quicker, or the data itself is wrong."""


class NewerDatabaseError(DatabaseError, RuntimeError):
    """A newer version of the program made the database; it was left untouched."""


class DatabaseUrlError(DatabaseError, ValueError):
    """The database's URL or its driver cannot be used."""
