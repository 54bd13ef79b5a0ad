"""What `kiosk people` and `kiosk templates` say and do about templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli import cli
from kiosk.enrolment import enrol
from kiosk.stores import open_stores
from tests.kiosk.made import LIMITS, MODEL, applicant, face, now, samples, settings_file, terminal


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A terminal with number 1: two enrolled templates, one adaptive, and due for renewal."""
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        vector = stores.protection.apply(face(1, 2))
        stores.register.adapt(
            "1", MODEL, (vector, 700_000, now(1)), now(1), protection=stores.protection.id
        )
        stores.register.ask_renewal("1", now(2))
    return settings_file(tmp_path)


def ask(config: Path, *words: str) -> Any:
    done = CliRunner().invoke(cli, [*words, "--config", str(config), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_show_lists_each_template_and_never_a_vector(config: Path) -> None:
    shown = ask(config, "people", "show", "1")
    assert (shown["templates"], shown["renewal"]) == (3, "due")
    assert [made["origin"] for made in shown["made"]] == ["enrolled", "enrolled", "adaptive"]
    assert shown["made"][2] == {
        "quality": 0.7,
        "made": "2026-03-03T06:00:00.000000Z",
        "origin": "adaptive",
        "model": MODEL,
    }
    assert [row["renewal"] for row in ask(config, "people", "list")] == ["due"]


def test_unadapt_and_reissue_say_how_many(config: Path) -> None:
    assert ask(config, "people", "unadapt", "1")["templates_deleted"] == 1
    key = config.parent / "keys" / "templates.key"
    before = key.read_text()
    assert ask(config, "templates", "reissue") == {"templates": 2}
    assert key.read_text() != before
    assert [made["origin"] for made in ask(config, "people", "show", "1")["made"]] == [
        "enrolled",
        "enrolled",
    ]
