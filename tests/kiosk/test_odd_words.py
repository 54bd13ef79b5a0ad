"""Odd numbers and names on the command line: one line on stderr, the right exit code, no change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli import cli
from kiosk.enrolment import Applicant, enrol
from kiosk.stores import open_stores
from store.errors import InvalidValueError
from tests.kiosk.made import LIMITS, MODEL, applicant, now, samples, settings_file, terminal

KIOSK = Path(sys.executable).parent / "kiosk"
MARKUP = "[/bold] :smile: [link=x]"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A terminal with one person, whose name looks like markup."""
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        somebody = Applicant("1", MARKUP, "en", "form", None)
        enrol(stores, MODEL, somebody, samples(1, 0, 1), LIMITS, now())
    return settings_file(tmp_path)


def people(config: Path) -> Any:
    done = CliRunner().invoke(cli, ["people", "list", "--json", "--config", str(config)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


# As the shell would pass them: bytes that are no UTF-8 reach Python as lone surrogates.
@pytest.mark.parametrize("verb", ["show", "remove"])
@pytest.mark.parametrize(
    "number",
    [b"\xff\xfe", "\u202e1001".encode(), b"9" * 10_000],
    ids=["no UTF-8", "turned around", "long"],
)
def test_nobody_has_an_odd_number(config: Path, verb: str, number: bytes) -> None:
    before = people(config)
    done = subprocess.run(
        [os.fsencode(KIOSK), b"people", verb.encode(), number, b"--config", os.fsencode(config)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert done.stderr.startswith(b"kiosk: nobody has ")
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert "\u202e".encode() not in done.stderr
    assert len(done.stderr) < 300
    assert people(config) == before


def test_a_name_is_shown_as_it_is(config: Path) -> None:
    done = CliRunner().invoke(
        cli, ["people", "list", "--config", str(config)], env={"COLUMNS": "200"}
    )
    assert done.exit_code == 0, done.output
    assert MARKUP in done.stdout


@pytest.mark.parametrize("number", ["", "a\x00b", "\u202e7", "x" * 65])
def test_an_odd_number_is_not_enrolled(tmp_path: Path, number: str) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        with pytest.raises(InvalidValueError):
            enrol(stores, MODEL, applicant(number), samples(1, 0), LIMITS, now())
        assert stores.gallery.people() == []
        assert stores.ledger.head().seq == 0


def test_somebody_enrolled_again_in_another_spelling_is_the_same(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        enrol(stores, MODEL, applicant("Zoe\u0308"), samples(1, 0), LIMITS, now())
        enrol(stores, MODEL, applicant(" Zo\u00eb "), samples(1, 1), LIMITS, now(1))
        assert [(p.number, p.templates) for p in stores.gallery.people()] == [("Zo\u00eb", 2)]
