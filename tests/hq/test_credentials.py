"""Badges and PINs at headquarters: hashed before they are sent, and in no listing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hq.cli import main
from store.pins import PinHasher, check_pin_hash
from tests.hq.made import headquarters

pytestmark = pytest.mark.usefixtures("left_as_found")
CODE = "0009127734"


def call(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, list(words), input=typed)


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(headquarters(tmp_path))


def send(config: str, **arguments: object) -> Result:
    given = json.dumps({"number": "1001", "name": "N", **arguments})
    words = ("commands", "send", "plant-1", "upsert_employee", "--arguments", given)
    return call(*words, "--config", config)


def test_a_pin_is_hashed_here_and_neither_it_nor_a_badge_is_listed(config: str) -> None:
    done = call("commands", "pin-hash", "1001", typed="2718\n2718\n")
    assert done.exit_code == 0
    assert "2718" not in done.output
    text = done.stdout.strip()
    assert PinHasher().matches(check_pin_hash(text), "2718")
    assert not PinHasher().outdated(text)
    sent = send(config, badges=[CODE], pin_hash=text)
    assert sent.exit_code == 0, sent.output
    shown = [sent, call("commands", "list", "--config", config)]
    shown.append(call("commands", "list", "--json", "--config", config))
    assert "upsert_employee" in shown[-1].output
    assert not [out for out in shown if CODE in out.output or text[-20:] in out.output]


def test_what_is_no_badge_or_hash_is_never_signed_and_not_repeated_on_the_screen(
    config: str,
) -> None:
    for wrong in ({"pin_hash": "314159"}, {"badges": [f"{CODE}\n"]}, {"badges": CODE}):
        done = send(config, **wrong)
        assert done.exit_code == 2
        assert "not a UpsertEmployee" in done.output
        assert "314159" not in done.output
        assert CODE not in done.output
    assert call("commands", "list", "--json", "--config", config).output.strip() in ("", "[]")


@pytest.mark.parametrize("pin", ["1234", "1001", "27", ""])
def test_a_pin_that_no_terminal_would_take_is_not_hashed(pin: str) -> None:
    done = call("commands", "pin-hash", "1001", "--stdin", typed=f"{pin}\n")
    assert done.exit_code == 2
    assert "$argon2id" not in done.output
