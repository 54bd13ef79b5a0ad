"""A secret in memory that can be wiped, and that shows itself nowhere by accident.

- Its bytes are in one buffer of ours and nowhere else: they are read, converted and handed on
  through `view`, never as `bytes` or `str`, which Python can neither overwrite nor keep from
  copying. `with secret:` wipes it at the end.
- Its text form is masked, so a traceback that shows local variables shows no key; it cannot be
  pickled. Comparing takes the same time whatever differs.
- What others copy is theirs: SQLCipher keeps the key while a database is open and wipes it on
  closing, OpenSSL likewise; `docs/keys.md` says what was found in a process's memory.
"""

from __future__ import annotations

import hmac
from types import TracebackType
from typing import NoReturn

_DIGITS = b"0123456789abcdef"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_VALUES |= {digit: value for value, digit in enumerate(_DIGITS.upper())}


class Secret:
    """So many bytes, at first all zero."""

    __slots__ = ("_buffer",)
    __hash__ = None  # type: ignore[assignment]  # it can change

    def __init__(self, size: int) -> None:
        self._buffer = bytearray(size)

    @classmethod
    def random(cls, size: int) -> Secret:
        """From the kernel's generator; raises OSError."""
        secret = cls(size)
        with open("/dev/urandom", "rb", buffering=0) as source:  # noqa: PTH123 (no buffer)
            if source.readinto(secret.view) != size:
                raise OSError("the kernel gave fewer random bytes than were asked for")
        return secret

    @classmethod
    def copy_of(cls, content: bytes | memoryview) -> Secret:
        """A copy, which can be wiped where `content` cannot."""
        secret = cls(len(content))
        secret.view[:] = content
        return secret

    @classmethod
    def from_hex(cls, text: memoryview) -> Secret:
        """What hex digits (ASCII) stand for; raises ValueError, which does not show them."""
        secret = cls(len(text) // 2)
        try:
            if len(text) % 2:
                raise KeyError
            for n in range(len(secret)):
                secret._buffer[n] = _VALUES[text[2 * n]] << 4 | _VALUES[text[2 * n + 1]]
        except KeyError:
            secret.wipe()
            raise ValueError("not hex digits") from None
        return secret

    def hex(self) -> Secret:
        """Its hex digits, lower case, ASCII."""
        text = Secret(2 * len(self))
        for n, value in enumerate(self._buffer):
            text._buffer[2 * n], text._buffer[2 * n + 1] = _DIGITS[value >> 4], _DIGITS[value & 15]
        return text

    @property
    def view(self) -> memoryview:
        """The bytes themselves, writable; whoever copies them cannot be wiped from here."""
        return memoryview(self._buffer)

    def wipe(self) -> None:
        """Overwrite it with zeros."""
        self._buffer[:] = bytes(len(self._buffer))

    def __enter__(self) -> Secret:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.wipe()

    def __len__(self) -> int:
        return len(self._buffer)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._buffer, other._buffer)

    def __repr__(self) -> str:
        return f"<secret of {len(self)} bytes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
