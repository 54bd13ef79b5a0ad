"""RFC 8785 bytes: one value, one form, and nothing that a JSON reader would change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.canonical import MAX_SAFE_INTEGER, canonical
from store.errors import NotCanonicalError, StoreError

TEXT = st.text(st.characters(codec="utf-8"))
SAFE = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_reading_the_bytes_gives_the_value_back(value: object) -> None:
    assert json.loads(canonical(value)) == value


@given(VALUES)
def test_the_bytes_of_what_was_read_are_the_same_bytes(value: object) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(TEXT, SAFE, min_size=2, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_the_sorting_example_of_the_rfc() -> None:
    """RFC 8785 section 3.2.3: sorted by UTF-16 code units."""
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_the_escapes_of_the_rfc() -> None:
    value = '\u20ac$\u000f\u000aA\'B"\\\\"/\u2028'
    assert canonical(value) == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u2028"'.encode()


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), {"a": [0.5]}, MAX_SAFE_INTEGER + 1, -MAX_SAFE_INTEGER - 1, "\ud800"],
)
def test_what_readers_would_change_is_refused(value: object) -> None:
    with pytest.raises(NotCanonicalError):
        canonical(value)


@pytest.mark.parametrize("value", [b"x", {1: 2}, {1}, object(), {"a": b""}, {"\udc00": 1}])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(NotCanonicalError):
        canonical(value)


def test_endless_nesting_is_an_error_of_ours() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(StoreError):
        canonical(value)
