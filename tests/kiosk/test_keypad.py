"""Keys and characters become numbers, PINs and codes: pure, with instants as arguments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.keypad import Keypad
from kiosk.panel import Badged, Declared, Typed
from kiosk.readers import badge_taker
from kiosk.typed_line import PAUSE_S, TypedLine
from store.people import MAX_CODE

digits = st.text("0123456789", min_size=1, max_size=12)
pins = digits.filter(lambda pin: pin != "0")


def press(keypad: Keypad, keys: str, at_s: float = 0.0) -> list[Typed | Declared]:
    given = (keypad.press(key, at_s) for key in keys)
    return [action for action in given if action is not None]


@given(st.text("0123456789", max_size=20), digits, pins)
def test_number_enter_pin_enter_is_typed_whatever_was_cleared_before(
    before: str, number: str, pin: str
) -> None:
    assert press(Keypad(15), f"{before}*{number}#{pin}#") == [Typed(number, pin)]


def test_a_star_clears_the_number_too() -> None:
    assert press(Keypad(15), "1001#27*1002#3141#") == [Typed("1002", "3141")]


def test_enter_on_nothing_does_nothing_so_that_it_may_bounce() -> None:
    assert press(Keypad(15), "##1001###2718##") == [Typed("1001", "2718")]


def test_a_zero_for_the_pin_declares_the_number() -> None:
    assert press(Keypad(15), "1001#0#") == [Declared("1001")]
    assert press(Keypad(15), "1001#0000#") == [Typed("1001", "0000")]


def test_usb_keypads_end_with_a_line_end() -> None:
    assert press(Keypad(15), "1001\n2718\r") == [Typed("1001", "2718")]


def test_what_is_left_unfinished_is_not_put_before_the_next_person_s() -> None:
    keypad = Keypad(15)
    assert press(keypad, "1001#27", at_s=100) == []
    assert press(keypad, "1002#3141#", at_s=115.1) == [Typed("1002", "3141")]
    assert press(keypad, "1001#27", at_s=200) == []
    assert press(keypad, "18#", at_s=215) == [Typed("1001", "2718")]


def test_leaning_on_the_keypad_neither_fills_memory_nor_becomes_a_shorter_pin() -> None:
    (action,) = press(Keypad(15), "1001#" + "2718" * 1000 + "#")
    assert isinstance(action, Typed)
    assert 12 < len(action.pin) < 100


@given(st.lists(st.tuples(st.sampled_from("0123456789*#\n"), st.floats(0, 40)), max_size=80))
def test_any_keys_at_any_pace_leave_a_keypad_that_the_next_person_can_use(
    keys: list[tuple[str, float]],
) -> None:
    keypad, now = Keypad(15), 0.0
    for key, pause in keys:
        now += pause
        action = keypad.press(key, now)
        assert not isinstance(action, Typed) or (action.number and action.pin)
    assert press(keypad, "1001#2718#", now + 15.1) == [Typed("1001", "2718")]


def read(line: TypedLine, text: str, at_s: float = 0.0) -> list[str]:
    given = (line.take(character, at_s) for character in text)
    return [code for code in given if code is not None]


def test_codes_end_at_enter_a_line_end_or_the_serial_end_of_text() -> None:
    assert read(TypedLine(), "0009127734\n") == ["0009127734"]
    assert read(TypedLine(), "\x0204A2FF\r\n\x03\x0204A2FE\r\n\x03") == ["04A2FF", "04A2FE"]


def test_what_a_pulled_plug_cut_off_is_not_put_before_the_next_badge() -> None:
    line = TypedLine()
    assert read(line, "00091", at_s=10) == []
    assert read(line, "0009127734\n", at_s=10 + PAUSE_S + 0.1) == ["0009127734"]


@given(st.text("0123456789ABCabc :-\n\r\t\x02\x03\x00\x7fé\ufffd", max_size=300))
def test_whatever_a_reader_types_is_a_code_of_the_right_size_or_none(text: str) -> None:
    for code in read(TypedLine(), text + "\n"):
        assert 1 <= len(code) <= MAX_CODE
        assert code.isprintable()


def test_what_is_too_long_is_dropped_whole() -> None:
    assert read(TypedLine(), "7" * 10_000 + "\n0009\n") == ["0009"]


def test_a_reader_s_characters_become_badges() -> None:
    badges: list[Badged] = []
    take = badge_taker(badges.append, lambda: 0.0)
    for character in "0009127734\n\n04A2\n":
        take(character)
    assert badges == [Badged("0009127734"), Badged("04A2")]
