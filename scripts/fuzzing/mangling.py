"""How a real message becomes a wrong one; all randomness comes in.

Bytes are flipped, cut, doubled, put in and spliced; JSON values are exchanged, taken away, renamed
and put elsewhere, one to three places a case; what `json.dumps` cannot write (keys that stand
twice, nesting beyond its own depth, numbers of hundreds of digits) is put in as text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

_DEEP = "<deep>"  # stands for nesting that no parser's stack holds
_DEPTHS = (60, 500, 1_500, 100_000)
TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",  # a lone surrogate
    "\u202e\u0301",  # right to left, combining
    "\uff11\uff12",  # digits that are not ASCII
    "\U0001f9d1\u200d\U0001f33e",
    "é" * 70,
    "x" * 10_000,
    "../../etc/passwd",
    "'; --",
    "%s%n{0}",
    "1e5",
    "-0",
    "9" * 400,
    "NaN",
    "true",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-02-30T25:61:61Z",
    "2026-03-02T12:00:00",
    "2026-03-02T12:00:00Z",
    "2026-06-30T23:59:60Z",
    "-1000000000000000000",
    "kiosk.punch.v1",
    "plant-1",
    "gate-a",
    "0" * 64,
    "F" * 64,
    "A" * 86 + "==",
    _DEEP,
)
NUMBERS = (
    *(0, 1, -1, 2, 63, 64, 65, 255, 1000, 2**31, 2**32, 2**53 - 1, 2**53, -(2**53), 2**63 - 1),
    *(2**63, 2**64, 10**30, 10**400, -(10**400)),
    *(0.5, -0.0, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"), 1e22),
)
_TOKENS = (
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\ud800"),
    *(b"\\u0000", b"NaN", b"1e999", b"-", b"9" * 5000, b"0x1", b"[" * 3000, b'{"a":' * 3000),
    *(b"/*", b"\n", b"\r\n", b'"', b"\\", b"{}", b"[]", b"null", b",", b":", b"=", b"1.0", b"'''"),
)


def odd_value(random: Random, depth: int = 0) -> Any:
    """A value that JSON has, or nearly has."""
    kind = random.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return random.choice((None, True, False))
    if kind <= 2:
        return random.choice(NUMBERS)
    if kind <= 4:
        return odd_text(random)
    if kind == 5:
        return [odd_value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == 6:
        count = random.choice((0, 1, 2, 3, 200))
        return {odd_text(random): odd_value(random, depth + 1) for _ in range(count)}
    return random.choice(([], {}, [[]], [{}], {"": ""}, list(range(300)), [None] * 1500))


def odd_text(random: Random) -> str:
    """A text that somebody should have thought of, or any at all."""
    if random.random() < 0.7:
        return random.choice(TEXTS)
    return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(12)))


def mangled(random: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """The bytes with one to four things done to them."""
    data = bytearray(raw)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + random.choice((0, 1, 1, 2, 8, 40, 400)))
        what = random.randrange(8)
        if what == 0 and data:
            place = random.randrange(len(data))
            data[place] ^= 1 << random.randrange(8)
        elif what == 1:
            del data[at:end]
        elif what == 2:
            data[at:at] = data[at:end] * random.choice((1, 2, 50))
        elif what == 3:
            data[at:end] = random.randbytes(random.randrange(20))
        elif what == 4:
            data[at:end] = random.choice(_TOKENS)
        elif what == 5:
            other = random.choice(others)
            data[at:] = other[random.randrange(len(other) + 1) :]
        elif what == 6:
            del data[at:]
        else:
            _say_a_key_twice(random, data)
    return bytes(data)


def twisted(random: Random, value: Any) -> Any:
    """A JSON value (it is changed) with one to three places of it exchanged."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = _twist(random, value)
    return value


def written(random: Random, value: Any) -> bytes:
    """JSON text of a value, not always as everybody writes it; nesting in place of its mark."""
    text = json.dumps(
        value,
        ensure_ascii=random.random() < 0.5,
        separators=random.choice(((",", ":"), (", ", ": "))),
    )
    mark = json.dumps(_DEEP)
    if mark in text:
        depth = random.choice(_DEPTHS)
        opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
        inner = opening * depth + "1" + closing * depth
        text = text.replace(mark + ":", '"a":').replace(mark, inner, 1)
    return text.encode("utf-8", "surrogatepass")


def _say_a_key_twice(random: Random, data: bytearray) -> None:
    at = data.find(b'"', random.randrange(len(data) + 1))
    colon = data.find(b":", at)
    if at >= 0 and colon >= 0:
        data[at:at] = data[at:colon] + b":" + random.choice((b"1", b"null", b'""')) + b","


def _twist(random: Random, value: Any) -> Any:
    place = value
    while isinstance(place, (dict, list)) and place:
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[key], (dict, list)) and place[key] and random.random() < 0.85:
            place = place[key]
            continue
        _change(random, place, key)
        return value
    return odd_value(random)


def _change(random: Random, place: Any, key: Any) -> None:
    what = random.randrange(8)
    if what == 0:
        del place[key]
    elif what == 1 and isinstance(place, dict):
        place[odd_text(random)] = place.pop(key)
    elif what == 2 and isinstance(place, dict):
        place[odd_text(random)] = odd_value(random)
    elif what == 3:
        other = random.choice(list(place.values()) if isinstance(place, dict) else place)
        place[key] = json.loads(json.dumps(other))
    elif what == 4:
        place[key] = random.choice(([place[key]], {"a": place[key]}, str(place[key])))
    elif what == 5 and isinstance(place[key], int):
        place[key] = place[key] + random.choice((-1, 1, 2**31, 2**53, -place[key]))
    else:
        place[key] = odd_value(random)
