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


class ReaderError(KioskError, OSError):
    """A reader, a keypad or a button cannot be had as the settings say."""

    exit_code = 5


class ScreenError(KioskError, OSError):
    """The screen's page cannot be served, or not from a loopback address alone."""

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


class JoinError(KioskError):
    """This machine is not made a terminal of a site, or not yet; nothing there was replaced."""

    exit_code = 8


class NoBackupError(KioskError, LookupError):
    """A backup was asked for and the settings say nothing of backups."""

    exit_code = 2


class StaleContractError(KioskError):
    """The exported contract is not the one of this program."""


class SealError(KioskError, ValueError):
    """A template's seal does not open here, or cannot be made for that key."""


class NotSharedError(KioskError, ValueError):
    """Templates are not given to, or not taken from, another terminal; the message says why."""


class OwnRecordsError(KioskError, ValueError):
    """What somebody wanted with their own records is not done; `reason` is stable, as `code`s are.

    "no_day", "not_kept", "no_claim", "too_many", "disputed_already", "month_goes_on",
    "month_changed", "disputes_open", "not_yours".
    """

    exit_code = 7

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotYoursError(OwnRecordsError, LookupError):
    """No such record of this person is there; it is not said whether another person's is."""

    def __init__(self) -> None:
        super().__init__("not_yours", "no punch of yours on this day has this id; nothing was done")


class NotAllowedError(KioskError, PermissionError):
    """The caller has no role that may do this (docs/roles.md); nothing was done."""

    exit_code = 77  # EX_NOPERM of sysexits.h


class NotErasedError(KioskError):
    """Something of a person that was to be erased is still there."""

    exit_code = 4
