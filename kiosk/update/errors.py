"""What can go wrong with an update; the exit codes are those of `kiosk-update`."""

from __future__ import annotations

from kiosk.errors import KioskError


class UpdateError(KioskError):
    """Base of this package's errors; the terminal goes on with the program that it has."""


class UntrustedError(UpdateError, ValueError):
    """A release, a key or a settings file is not to be believed; nothing of it was used."""

    exit_code = 3


class RefusedReleaseError(UpdateError, ValueError):
    """A genuine release that is not for this terminal, not now, or older than what it has had."""

    exit_code = 7


class LayoutError(UpdateError, LookupError):
    """The directory of releases is not as kiosk-update leaves it."""

    exit_code = 2


class PreparationError(UpdateError, RuntimeError):
    """The release could not be installed beside the present one; what was there of it is gone."""


class UnhealthyError(UpdateError, RuntimeError):
    """The release did not prove healthy."""

    exit_code = 8


class BusyError(UpdateError, TimeoutError):
    """Another kiosk-update is at work."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h
