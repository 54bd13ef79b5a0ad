"""docs/wiring.svg is drawn by hand; what it says of pins is what the settings and the board say."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from gpiozero.pins.pi import PiBoardInfo

from kiosk.settings import IndicatorsSection, KeypadSection

DOCS = Path(__file__).resolve().parents[1] / "docs"
REVISIONS = {"Raspberry Pi 4B": 0xC03112, "Raspberry Pi 5": 0xC04170}


@cache
def wires() -> list[dict[str, str]]:
    """The data attributes of each wire of the drawing."""
    drawing = (DOCS / "wiring.svg").read_text(encoding="utf-8")
    return [
        dict(re.findall(r'data-(\w+)="([^"]*)"', tag)) for tag in re.findall("<path[^>]*>", drawing)
    ]


def drawn(section: str) -> dict[str, list[int]]:
    """BCM numbers of a section's wires by key, from the top."""
    pins = defaultdict(list)
    for wire in wires():
        if wire.get("section") == section:
            pins[wire["key"]].append(int(wire["bcm"]))
    return dict(pins)


def test_lamps_and_buzzer_are_on_the_pins_of_the_defaults() -> None:
    lamps = IndicatorsSection()
    assert drawn("indicators") == {
        name: [getattr(lamps, name)] for name in ("green", "amber", "red", "buzzer")
    }


def test_the_keypad_is_on_the_pins_of_the_defaults() -> None:
    keypad = KeypadSection()
    assert drawn("keypad") == {"rows": list(keypad.rows), "columns": list(keypad.columns)}


def test_buttons_are_on_the_pins_of_the_example_in_credentials() -> None:
    text = (DOCS / "credentials.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\[buttons\].*?(?=^```)", text, re.DOTALL | re.MULTILINE)
    buttons = tomllib.loads(table)["buttons"]
    expected = {"undo": [buttons["undo"]], **{k: [v] for k, v in buttons["directions"].items()}}
    assert drawn("buttons") == expected


@pytest.mark.parametrize("board", REVISIONS)
def test_every_wire_ends_on_the_header_pin_that_has_its_signal(board: str) -> None:
    header = PiBoardInfo.from_revision(REVISIONS[board]).headers["J8"].pins
    supply = {"3V3": "3V3", "5V": "5V", "GND": "GND", "SDA": "GPIO2", "SCL": "GPIO3"}
    ends = {}
    for wire in wires():
        if "pin" in wire:
            name = supply[wire["supply"]] if "supply" in wire else f"GPIO{wire['bcm']}"
            ends[int(wire["pin"])] = name
    assert ends == {pin: header[pin].name for pin in ends}
    assert len(ends) == sum("pin" in wire for wire in wires()), "two wires on one pin"
