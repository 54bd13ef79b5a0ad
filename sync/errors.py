"""The errors of the sync process."""

from __future__ import annotations


class SyncError(Exception):
    """Base of every error of this package."""


class CredentialError(SyncError, ValueError):
    """A TLS file is missing, unreadable, encrypted or does not fit its key; names the file."""


class TransportError(SyncError, OSError):
    """Base of what can go wrong on the way to the broker."""


class NotConnectedError(TransportError, ConnectionError):
    """There is no connection to the broker at this moment, or it broke before the PUBACK."""


class PublishTimeoutError(TransportError, TimeoutError):
    """The broker gave no PUBACK in time; the connection is dropped, it may be half-open."""


class PublishRefusedError(TransportError, PermissionError):
    """The broker refused the message (its access list, a quota); `reason` is its own word."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the broker refused the message: {reason}")
        self.reason = reason


class TransportClosedError(TransportError):
    """The transport was closed, or is being closed."""
