"""Canonical bytes of a JSON value: RFC 8785 (JCS), narrowed to what every reader keeps exactly.

- No floats: a quantity is an integer with the unit in its name (`score_millionths`).
- Integers lie within ±(2^53 - 1); larger ones travel as decimal strings.
- Strings are Unicode without lone surrogates; keys are strings.
- Equal values give equal bytes, and `json.loads` of the bytes gives the value back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import rfc8785

from store.errors import NotCanonicalError

MAX_SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3, RFC 7493 section 2.2


def canonical(value: object) -> bytes:
    """The RFC 8785 bytes of None, bool, int, str, and lists and string-keyed mappings of them.

    Raises `NotCanonicalError`, which names the type that has no canonical form, never the value.
    """
    try:
        _check(value)
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # _check has narrowed it
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonicalError("a number or a string is outside RFC 8785") from error
    except RecursionError:
        raise NotCanonicalError("the value is nested too deep") from None


def _check(value: object) -> None:
    if value is None or isinstance(value, (bool, int, str)):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonicalError(f"a key is {type(key).__name__}, not a string")
            _check(item)
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        for item in value:
            _check(item)
    else:
        raise NotCanonicalError(f"a {type(value).__name__} has no canonical form")
