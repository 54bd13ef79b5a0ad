"""The provisioning report: signed by the terminal, checked with its key, on one page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.handover import ReportError, checked, main, page, report_of, signed
from kiosk.settings import load
from store.keys import create_keys, load_signing_key
from tests.kiosk.drawn import drawn
from tests.provision.shell import ANSWERS, called

NOW = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings that provision.sh writes, with keys beside them."""
    folder = tmp_path_factory.mktemp("terminal")
    text = called("settings_text", ANSWERS, setup="sealing_works() { true; }")
    file = folder / "kiosk.toml"
    file.write_text(text.replace("/run/kiosk-keys", str(folder / "keys")))
    create_keys(folder / "keys")
    return file


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What provision.sh leaves: the steps, and lists of files and packages."""
    (tmp_path / "steps").write_text("packages=done\nkeys=skip\n")
    (tmp_path / "packages").write_text("nftables\n")
    (tmp_path / "rules").write_text("table inet kiosk")
    (tmp_path / "terminal.key").write_text("secret")
    (tmp_path / "files").write_text(f"{tmp_path}/rules\n{tmp_path}/terminal.key\n")
    return tmp_path


def made(settings_file: Path, state: Path) -> tuple[dict[str, Any], bytes]:
    report = report_of(load(settings_file), state, NOW)
    return report, signed(report, settings_file.parent / "keys")


def test_the_report_is_what_the_terminal_signed(settings_file: Path, state: Path) -> None:
    report, content = made(settings_file, state)
    key = load_signing_key(settings_file.parent / "keys").public_key()
    assert checked(content, key) == report
    assert report["terminal"] == "plant-1/gate-a"
    assert report["steps"] == {"packages": "done", "keys": "skip"}


def test_one_changed_word_or_another_key_is_noticed(settings_file: Path, state: Path) -> None:
    _, content = made(settings_file, state)
    key = load_signing_key(settings_file.parent / "keys").public_key()
    with pytest.raises(ReportError, match="changed since"):
        checked(content.replace(b'"keys": "skip"', b'"keys": "done"'), key)
    with pytest.raises(ReportError, match="not signed by this key"):
        checked(content, Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"report": 1.5}'])
def test_what_is_no_report_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ReportError, match="no provisioning report"):
        checked(content, Ed25519PrivateKey.generate().public_key())


def test_files_have_digests_and_secrets_have_none(settings_file: Path, state: Path) -> None:
    report, _ = made(settings_file, state)
    digests = {Path(path).name: digest for path, digest in report["files"].items()}
    assert digests["terminal.key"] is None
    assert len(digests["rules"]) == 64


def test_the_page_is_one_page_also_when_everything_is_wrong(
    settings_file: Path, state: Path
) -> None:
    (state / "steps").write_text("".join(f"step{n}=done\n" for n in range(16)))
    rows = [{"name": f"line {n}", "level": "failure", "says": "wrong " * 12} for n in range(40)]
    (state / "doctor.json").write_text(json.dumps({"findings": rows}))
    report, _ = made(settings_file, state)
    file = page(report, "ab" * 32, "cd" * 32)
    assert len(re.findall(rb"/Type /Page\b", file)) == 1
    text = drawn(file)
    assert "0 of 40 lines are ok" in text
    assert "and 30 more in the JSON" in text


def test_the_commands_make_and_check_it(settings_file: Path, state: Path) -> None:
    public = settings_file.parent / "keys" / "signing.pub"
    where = ["--config", str(settings_file), "--state", str(state), "--out", str(state / "report")]
    run = CliRunner().invoke
    assert run(main, ["make", *where]).exit_code == 0
    assert (state / "report.pdf").read_bytes().startswith(b"%PDF")
    done = run(main, ["check", str(state / "report.json"), "--key", str(public)])
    assert done.stdout.startswith("plant-1/gate-a: signed by this key")
