"""Which PINs may be chosen, and their hashes."""

from __future__ import annotations

import argon2
import pytest
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidValueError, UnsuitablePinError
from store.pins import PinHasher, check_pin, check_pin_hash
from tests.store.made import CHEAP


@pytest.mark.parametrize(
    "pin", ["", "123", "27181828459045", "27a1", " 2718", "2718\n", "²718", "٢٧١٨", "-2718"]
)
def test_a_pin_has_4_to_12_ascii_digits(pin: str) -> None:
    with pytest.raises(UnsuitablePinError, match="4 to 12 digits"):
        check_pin(pin, "1001")


@pytest.mark.parametrize("pin", ["0000", "777777", "1234", "4321", "7890", "0987654321", "2109"])
def test_a_pin_is_neither_one_digit_nor_a_run(pin: str) -> None:
    with pytest.raises(UnsuitablePinError, match="choose another") as refused:
        check_pin(pin, "1001")
    assert pin not in str(refused.value)


@pytest.mark.parametrize(
    ("pin", "number"), [("1001", "1001"), ("001001", "1001"), ("2718", "E-2718"), ("2718", "02718")]
)
def test_a_pin_is_not_the_number(pin: str, number: str) -> None:
    with pytest.raises(UnsuitablePinError, match="number"):
        check_pin(pin, number)


@given(st.text("0123456789", min_size=4, max_size=12))
def test_every_other_pin_of_digits_may_be_chosen(pin: str) -> None:
    run = "01234567890123456789012"
    silly = len(set(pin)) == 1 or pin in run or pin in run[::-1]
    try:
        check_pin(pin, "EMPLOYEE")
    except UnsuitablePinError:
        assert silly
    else:
        assert not silly


def test_a_hash_is_argon2id_with_rfc_9106_s_parameters_and_knows_its_pin() -> None:
    hasher = PinHasher()
    stored = hasher.hash("2718")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert check_pin_hash(stored) == stored
    assert hasher.matches(stored, "2718")
    assert not hasher.matches(stored, "2719")


def test_two_people_with_one_pin_have_different_hashes() -> None:
    assert PinHasher(CHEAP).hash("2718") != PinHasher(CHEAP).hash("2718")


def test_a_hash_with_other_parameters_is_outdated_and_still_good() -> None:
    today = PinHasher(argon2.Parameters(argon2.Type.ID, 19, 16, 32, 2, 64, 1))
    old = PinHasher(CHEAP).hash("2718")
    assert today.outdated(old)
    assert today.matches(old, "2718")
    assert not today.outdated(today.hash("2718"))


@pytest.mark.parametrize("pin", ["2718", "", "x" * 1000, "\ud800", "27180000000000"])
@pytest.mark.parametrize("known", [True, False])
def test_every_look_is_one_verification_with_today_s_parameters(
    monkeypatch: pytest.MonkeyPatch, pin: str, known: bool
) -> None:
    """So the time that it takes says nothing of who exists."""
    hasher = PinHasher(CHEAP)
    stored = hasher.hash("3141") if known else None
    done: list[argon2.Parameters] = []
    real = argon2.PasswordHasher.verify

    def verify(self: argon2.PasswordHasher, text: str, password: str) -> bool:
        done.append(argon2.extract_parameters(text))
        return real(self, text, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    assert not hasher.matches(stored, pin)
    assert done == [CHEAP]


def test_what_is_no_argon2id_hash_or_asks_for_too_much_is_refused() -> None:
    good = PinHasher(CHEAP).hash("2718")
    greedy = good.replace(f"m={CHEAP.memory_cost}", "m=4194304")
    for text in ("", "2718", good.replace("argon2id", "argon2i"), greedy, good + "x" * 300):
        with pytest.raises(InvalidValueError, match="argon2id"):
            check_pin_hash(text)
    assert RFC_9106_LOW_MEMORY.memory_cost * 4 == 262_144
