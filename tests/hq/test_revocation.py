"""The list of revoked certificates is made anew in time, and an alarm says when it is not."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hq.database import Database
from hq.issued import revocation_list
from hq.reports import alarm_lines
from hq.revocation import RevocationWatch
from morning.pki import Authority
from tests.hq.joined import Headquarters, without_a_broker

DAY = timedelta(days=1)
UNIT = Path(__file__).parents[2] / "systemd" / "hq" / "kiosk-hq-crl.service"


@pytest.fixture
def hq(tmp_path: Path, authority: Authority) -> Headquarters:
    return without_a_broker(tmp_path / "hq", authority)


def command_of_the_unit(hq: Headquarters, crl: Path, restart: str) -> list[str]:
    """What the timer's service runs, with other files and another restart."""
    _, ca, _, key = hq.ca
    own = {
        "/etc/mosquitto/kiosk/revoked.pem": str(crl),
        "/etc/kiosk/ca.pem": ca,
        "/etc/kiosk/ca.key": key,
        "/etc/kiosk/hq.toml": str(hq.config),
        "systemctl restart mosquitto": restart,
    }
    line = UNIT.read_text().replace("\\\n", " ").partition("ExecStart=")[2].partition("\n")[0]
    program, *words = shlex.split(line)
    assert program.endswith("/kiosk-hq")
    assert own.keys() <= set(words)
    return [own.get(word, word) for word in words]


def aged(hq: Headquarters, path: Path, age: timedelta) -> None:
    """A list of 30 days that was made so long ago."""
    database = Database(f"sqlite:///{hq.folder / 'hq.db'}")
    database.upgrade()
    key = hq.authority.directory / "ca.key"
    made = datetime.now(UTC) - age
    path.write_bytes(revocation_list(database, hq.authority.ca, key, 30 * DAY, made)[0])
    database.close()


def test_the_list_is_renewed_when_half_of_its_life_is_over_or_a_certificate_is_new_on_it(
    hq: Headquarters, tmp_path: Path
) -> None:
    crl, ran = tmp_path / "revoked.pem", tmp_path / "ran"
    words = command_of_the_unit(hq, crl, f"touch {ran}")
    assert hq.run(*words).output == f"0 revoked certificates in {crl}\n"
    assert ran.exists()
    ran.unlink()
    for age, due in ((14 * DAY, False), (16 * DAY, True), (40 * DAY, True)):
        aged(hq, crl, age)
        before = crl.read_bytes()
        assert ("not due" in hq.run(*words).output) is not due
        assert (crl.read_bytes() != before) is due
        assert ran.exists() is due
        ran.unlink(missing_ok=True)
    key = hq.folder / "hq-keys" / "hq.pub"
    assert hq.run("terminals", "add", "plant-1", "gate-a", str(key)).exit_code == 0
    own = hq.authority.client("plant-1/gate-a", datetime.now(UTC)).certificate
    gone = hq.run(
        "terminals", "decommission", "plant-1/gate-a", "--lost", "--certificate", str(own)
    )
    assert gone.exit_code == 0, gone.output
    assert hq.run(*words).output.startswith("1 revoked")
    assert "not due" in hq.run(*words).output


def test_a_broker_that_was_not_told_of_the_new_list_is_an_error(
    hq: Headquarters, tmp_path: Path
) -> None:
    words = ("certificates", "crl", str(tmp_path / "revoked.pem"), *hq.ca, "--then")
    for command in ("false", "/no/such/program", '"'):
        failed = hq.run(*words, command)
        assert failed.exit_code == 3
        assert "run it by hand" in failed.output
    assert (tmp_path / "revoked.pem").exists()


@pytest.mark.parametrize(
    ("age", "alarms"), [(10 * DAY, []), (25 * DAY, ["list_ends"]), (None, ["list_ends"])]
)
def test_a_list_that_nears_its_end_or_is_missing_is_an_alarm_once_an_hour(
    hq: Headquarters, tmp_path: Path, age: timedelta | None, alarms: list[str]
) -> None:
    path = tmp_path / "revoked.pem"
    if age is not None:
        aged(hq, path, age)
    database = Database(f"sqlite:///{hq.folder / 'hq.db'}")
    database.upgrade()
    watch, now = RevocationWatch(database, path), datetime.now(UTC)
    for minutes in (0, 1, 59, 61):
        watch.look(now + timedelta(minutes=minutes))
    found = alarm_lines(database)
    database.close()
    assert [alarm["what"] for alarm in found] == alarms
    assert [alarm["count"] for alarm in found] == [2] * len(alarms)
