"""The terminal's error tree; every class carries the exit code that the command line ends with."""

from __future__ import annotations


class KioskError(Exception):
    """Anything that the terminal itself can say clearly. The message is one line with the mend."""

    exit_code = 1


class CameraError(KioskError, OSError):
    """The camera, video file or picture folder cannot be opened or stopped giving frames."""

    exit_code = 5


class IndicatorError(KioskError, OSError):
    """A lamp or buzzer pin cannot be had."""

    exit_code = 5


class PhotoSetError(KioskError, ValueError):
    """Photos to measure with cannot be made sense of, or what was measured cannot be written."""

    exit_code = 2


class EnrolmentRefusedError(KioskError, ValueError):
    """Somebody cannot be enrolled from what was given; `reason` is stable and machine-readable."""

    exit_code = 7

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NoBackupError(KioskError, LookupError):
    """A backup was asked for and the settings say nothing of backups."""

    exit_code = 2


class StaleContractError(KioskError):
    """The exported contract is not the one of this program."""


class SealError(KioskError, ValueError):
    """A template's seal does not open here, or cannot be made for that key."""


class NotSharedError(KioskError, ValueError):
    """Templates are not given to, or not taken from, another terminal; the message says why."""
