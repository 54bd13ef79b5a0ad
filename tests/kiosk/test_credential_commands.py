"""`kiosk people badge` and `pin`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import cli, exit_code
from kiosk.serial_reader import SerialWire, open_serial
from kiosk.stores import open_stores
from store.pins import PinHasher
from tests.kiosk.made import now, settings_file, terminal
from tests.kiosk.test_readers import Port
from tests.store.made import CHEAP

CODE = "0009127734"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A terminal with 1001 and 1002."""
    monkeypatch.setattr("kiosk.commands.credentials.PinHasher", lambda: PinHasher(CHEAP))
    with open_stores(terminal(tmp_path)) as stores:
        for number in ("1001", "1002"):
            stores.gallery.add_person(number, "A", "en", now())
    return settings_file(tmp_path)


def run(config: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, ["people", *words, "--config", str(config)], input=typed)


def ask(config: Path, *words: str, typed: str = "") -> Any:
    done = run(config, *words, "--json", typed=typed)
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_badges_come_from_stdin_and_go_all_at_once(config: Path) -> None:
    added = {"number": "1001", "done": "added", "badges": 1}
    assert ask(config, "badge", "1001", typed=f"{CODE}\n") == added
    assert ask(config, "badge", "1001", typed=CODE)["done"] == "known already"
    assert ask(config, "badge", "1001", typed="04A2\n")["badges"] == 2
    shown = ask(config, "show", "1001")
    assert (shown["badges"], shown["pin"]) == (2, False)
    gone = {"number": "1001", "done": "2 removed", "badges": 0}
    assert ask(config, "badge", "1001", "--remove") == gone


def test_a_pin_is_typed_twice_unseen_or_once_through_stdin(config: Path) -> None:
    typed = run(config, "pin", "1001", typed="2718\n2718\n")
    assert typed.exit_code == 0, typed.exception
    assert "2718" not in typed.output
    assert ask(config, "show", "1001")["pin"] is True
    assert ask(config, "pin", "1001", "--stdin", typed="31415\n")["done"] == "set"
    with open_stores(terminal(config.parent)) as stores:
        stored = stores.credentials.pin_hash("1001")
        assert PinHasher(CHEAP).matches(stored, "31415")
    assert ask(config, "pin", "1001", "--remove") == {"number": "1001", "done": "removed"}
    assert ask(config, "pin", "1001", "--remove")["done"] == "was not there"


def test_different_pins_are_asked_for_again(config: Path) -> None:
    done = run(config, "pin", "1001", typed="2718\n2719\n3141\n3141\n")
    assert done.exit_code == 0
    with open_stores(terminal(config.parent)) as stores:
        assert PinHasher(CHEAP).matches(stores.credentials.pin_hash("1001"), "3141")


def test_what_is_refused_says_why_and_changes_nothing(config: Path) -> None:
    for words, typed, code, said in (
        (("pin", "1001", "--stdin"), "1234\n", 2, "no run"),
        (("pin", "1001", "--stdin"), "1001\n", 2, "not the employee's number"),
        (("pin", "1001", "--stdin"), "", 2, "4 to 12 digits"),
        (("pin", "4711", "--stdin"), "2718\n", 7, "kiosk people list"),
        (("badge", "1001"), "", 2, "1 to 128"),
        (("badge", "4711"), CODE, 7, "kiosk people list"),
        (("badge", "1001", "--reader"), "", 5, "names no reader"),
    ):
        done = run(config, *words, typed=typed)
        assert isinstance(done.exception, Exception)
        assert exit_code(done.exception) == code
        assert said in str(done.exception)
        assert typed.strip() == "" or typed.strip() not in str(done.exception)
    shown = ask(config, "show", "1001")
    assert (shown["badges"], shown["pin"]) == (0, False)


def test_a_badge_is_read_from_the_reader(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = Port(config.parent)

    def held_to_it_when_opened(path: Path, baud: int) -> SerialWire:
        wire = open_serial(path, baud)
        port.type(f"{CODE}\r\n".encode())
        return wire

    monkeypatch.setattr("kiosk.readers.open_serial", held_to_it_when_opened)
    config.write_text(config.read_text() + f'[badge]\nsource = "serial"\ndevice = "{port.path}"\n')
    assert ask(config, "badge", "1001", "--reader")["done"] == "added"
    assert ask(config, "badge", "1001", typed=CODE)["done"] == "known already"


def test_a_badge_of_somebody_else_is_refused(config: Path) -> None:
    ask(config, "badge", "1001", typed=CODE)
    done = run(config, "badge", "1002", typed=CODE)
    assert isinstance(done.exception, Exception)
    assert exit_code(done.exception) == 4
    assert "somebody else's" in str(done.exception)
