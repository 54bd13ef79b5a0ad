"""PINs: which may be chosen, and their argon2id hashes.

- A PIN has 4 to 12 digits, not all the same, no run up or down (9 and 0 are neighbours), and is
  not the employee's number.
- Looking at a PIN takes the same work whether the person has one, has none or does not exist.
- A hash tells its own parameters; `outdated` says when it should be made anew with today's.
- A PIN is in no message and no `repr`. argon2 is touched here only.
"""

from __future__ import annotations

import base64
import re
import secrets
from itertools import pairwise

from argon2 import Parameters, PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type
from argon2.profiles import RFC_9106_LOW_MEMORY

from store.errors import InvalidValueError, UnsuitablePinError
from store.people import MAX_PIN_HASH

MIN_DIGITS, MAX_DIGITS = 4, 12
_FORM = re.compile(f"[0-9]{{{MIN_DIGITS},{MAX_DIGITS}}}")
# What a hash made elsewhere may ask of this machine: four times the work of ours.
_MAX_KIB, _MAX_PASSES, _MAX_LANES = 4 * 65536, 12, 16


def check_pin(pin: str, number: str) -> None:
    """Raise `UnsuitablePinError` unless the person of this number may have this PIN."""
    if not _FORM.fullmatch(pin):
        raise UnsuitablePinError(f"a PIN has {MIN_DIGITS} to {MAX_DIGITS} digits")
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    if steps == {0}:
        raise UnsuitablePinError("a PIN is not one digit again and again; choose another")
    if steps in ({1}, {9}):
        raise UnsuitablePinError("a PIN is no run of digits up or down; choose another")
    if pin.lstrip("0") == "".join(c for c in number if c in "0123456789").lstrip("0"):
        raise UnsuitablePinError("a PIN is not the employee's number; choose another")


class PinHasher:
    """argon2id with one set of parameters; RFC 9106 section 4's for little memory by default.

    64 MiB, 3 passes, 4 lanes: 0.12 to 0.43 s a PIN on two x86-64 cores that others kept busy.
    """

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        # Nobody's: no PIN is known to give it, and it costs what a real one costs.
        salt, digest = (secrets.token_bytes(n) for n in (parameters.salt_len, parameters.hash_len))
        self._decoy = (
            f"$argon2id$v={parameters.version}$m={parameters.memory_cost},"
            f"t={parameters.time_cost},p={parameters.parallelism}${_base64(salt)}${_base64(digest)}"
        )

    def hash(self, pin: str) -> str:
        """The text to keep: parameters, a fresh salt and the hash."""
        return self._hasher.hash(pin)

    def matches(self, stored: str | None, pin: str) -> bool:
        """Whether this is the PIN; None for `stored` takes as long and is False."""
        plausible = stored is not None and _FORM.fullmatch(pin) is not None
        try:
            self._hasher.verify(stored if stored and plausible else self._decoy, pin[:MAX_DIGITS])
        except (VerificationError, UnicodeEncodeError):
            return False
        return plausible

    def outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than these."""
        return self._hasher.check_needs_rehash(stored)


def check_pin_hash(text: str) -> str:
    """The text when it is an argon2id hash that this machine can verify.

    Raises `InvalidValueError`.
    """
    try:
        found = extract_parameters(text) if len(text) <= MAX_PIN_HASH else None
    except (InvalidHashError, ValueError):
        found = None
    if (
        found is None
        or found.type is not Type.ID
        or found.memory_cost > _MAX_KIB
        or found.time_cost > _MAX_PASSES
        or found.parallelism > _MAX_LANES
    ):
        raise InvalidValueError("no argon2id hash of a PIN that can be verified here")
    return text


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii").rstrip("=")
