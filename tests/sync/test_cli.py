"""The command line of the sync process: one line and an exit code for what it cannot mend."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from morning.pki import Authority
from store.database import open_database
from store.keys import create_keys, load_database_key
from sync.cli import main
from sync.journal import log_to

pytestmark = pytest.mark.usefixtures("left_as_found")


@pytest.fixture
def config(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sync.cli.harden", lambda: None)  # it would last, in the tests' process
    create_keys(tmp_path / "keys")
    (tmp_path / "data").mkdir()
    (tmp_path / "hq.pub").write_bytes((tmp_path / "keys" / "signing.pub").read_bytes())
    tls = authority.client("plant-1/gate-a", datetime.now(UTC))
    path = tmp_path / "kiosk.toml"
    path.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "Europe/Berlin"\n'
        '[store]\ndirectory = "data"\nkeys = "keys"\n[hq]\npublic_key = "hq.pub"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nca = "{tls.ca}"\ncertificate = "{tls.certificate}"\n'
        f'key = "{tls.key}"\n'
        '[camera]\nsource = "picamera2"\n'
    )
    return path


def run(config: Path) -> Result:
    return CliRunner().invoke(main, ["run", "--config", str(config)])


def test_every_mistake_in_the_settings_is_named(config: Path) -> None:
    text = config.read_text().replace("ca = ", "cacert = ").replace("Europe/", "Mars/")
    config.write_text(text)
    done = run(config)
    assert done.exit_code == 2
    for word in ("mqtt.cacert", "mqtt.ca", "terminal.zone"):
        assert word in done.stderr


def test_the_settings_of_kiosk_are_not_ours_to_check(config: Path) -> None:
    (config.parent / "hq.pub").unlink()  # so that it ends
    config.write_text(config.read_text() + "resolution_of_2031 = 7\n")
    assert "camera" not in run(config).stderr


def test_missing_keys_and_certificates_are_named(config: Path) -> None:
    (config.parent / "hq.pub").unlink()
    done = run(config)
    assert (done.exit_code, "hq.pub" in done.stderr) == (3, True)


def test_a_ledger_of_another_key_ends_the_process(config: Path) -> None:
    other = config.parent / "other"
    create_keys(other)
    path = config.parent / "data" / "ledger.db"
    open_database(path, load_database_key(other, "ledger"), create=True).close()
    done = run(config)
    assert (done.exit_code, "ledger.db" in done.stderr) == (4, True)


def test_a_certificate_that_is_missing_is_said_before_any_waiting(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("certificate = ", 'certificate = "nowhere.pem" #'))
    done = run(config)
    assert (done.exit_code, "nowhere.pem: No such file" in done.stderr) == (3, True)


def test_a_certificate_that_holds_is_told_with_its_days(config: Path) -> None:
    done = CliRunner().invoke(main, ["certificate", "--json", "--config", str(config)])
    assert (done.exit_code, json.loads(done.stdout)) == (
        0,
        {"certificate_days": 29, "ca_days": pytest.approx(29, abs=1)},
    )


def test_a_certificate_that_ends_too_soon_is_an_error_with_the_mend(config: Path) -> None:
    words = ["certificate", "--days", "31", "--config", str(config)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 3
    assert "plant-1_gate-a.pem: ends" in done.stderr
    assert "renew it" in done.stderr


def test_a_key_of_another_certificate_is_an_error_of_the_check(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("\nkey = ", '\nkey = "keys/signing.key" #'))
    done = CliRunner().invoke(main, ["certificate", "--config", str(config)])
    assert done.exit_code == 3


def test_the_log_is_one_json_object_a_line_without_what_an_exception_holds() -> None:
    stream = StringIO()
    log_to(stream, "sync.testing")
    logger = logging.getLogger("sync.testing")
    logger.info("confirmed", extra={"fields": {"seq": 12}})
    try:
        raise ValueError("Erika Mustermann")
    except ValueError:
        logger.exception("internal_error")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["seq"], first["level"]) == ("confirmed", 12, "info")
    assert (second["error"], "Erika" in stream.getvalue()) == ("ValueError", False)
