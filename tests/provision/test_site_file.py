"""provision.sh with a site file: its answers, its settings, and the join by the real programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.settings import load
from morning.broker import Broker
from morning.pki import Authority
from store.keys import load_public_key, load_signing_key
from store.self_signed import fingerprint
from store.settings import load_settings
from sync.settings import Settings as SyncSettings
from tests.hq.joined import Headquarters, without_a_broker
from tests.hq.plant import Program
from tests.provision.shell import ANSWERS, called, provision, ran
from tests.sync.made import until

POLICY = (
    '[retention]\npunches_days = 800\n[screen]\nenabled = true\nlanguage = "de"\n'
    '[indicators]\npins = "mock"\ngreen = 5\n'
)
WHO = {"NAME": "gate-b", "CAMERA": "v4l2", "PINS": "mock", "SCREEN": "yes", "SEAL": "no"}


@dataclass(frozen=True)
class Bench:
    """A machine of folders: provision.sh's places are in it, and its steps that make a terminal."""

    folder: Path
    answers: dict[str, str]

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    def set_up(self) -> None:
        bin_ = self.folder / "opt" / "current" / "bin"
        bin_.mkdir(parents=True)
        (self.folder / "state").mkdir()
        (self.folder / "opt" / "bin").symlink_to(bin_)
        kiosk = f'exec {Path(sys.executable).parent}/kiosk "$@" --config {self.etc}/kiosk.toml'
        for name, line in (("kiosk", kiosk), ("python", f'exec {sys.executable} "$@"')):
            (bin_ / name).write_text(f"#!/bin/sh\n{line}\n")
            (bin_ / name).chmod(0o755)

    def provision(self, *, within_s: int = 20, **more: str) -> subprocess.CompletedProcess[str]:
        """The steps from the site file to the certificate, and what is then left to do."""
        at = self.folder
        places = (
            f"ETC={at}/etc STATE={at}/state OPT={at}/opt OPENED_KEYS=''\n"
            f"SCRATCH=$(mktemp -d -p {at})\n"
            f"DATA_DIR={at}/data MODELS={at}/models SETTINGS={at}/etc/kiosk.toml\n"
            f"PLAIN_KEYS={at}/etc/keys SEALED={at}/etc/sealed JOIN_WITHIN_S={within_s}\n"
            "chown() { :; }\n"  # no such users here
        )
        steps = "for name in settings trusted keys certificate; do step $name .; done"
        return ran(f"site_read\n{steps}\nremains", self.answers | more, setup=places)

    def listed(self) -> set[str]:
        return set((self.folder / "state" / "files").read_text().splitlines()) | set(
            (self.folder / "state" / "data").read_text().splitlines()
        )


@pytest.fixture
def hq(tmp_path: Path, authority: Authority) -> Headquarters:
    return without_a_broker(tmp_path / "hq", authority)


@pytest.fixture
def bench(tmp_path: Path) -> Callable[[Headquarters, Path], Bench]:
    def make(hq: Headquarters, site: Path) -> Bench:
        key = fingerprint(load_public_key(hq.folder / "hq-keys" / "hq.pub"))
        made = Bench(
            tmp_path / "machine",
            WHO | {"SITE_FILE": str(site), "FINGERPRINT": key, "TOKEN": hq.token()},
        )
        made.set_up()
        return made

    return make


def require_terminal(bench: Bench, outputs: list[str]) -> None:
    """The terminal that came out of it; every file accounted for, and its token in none."""
    etc, token = bench.etc, bench.answers["TOKEN"]
    files = {path for path in etc.rglob("*") if path.is_file()}
    assert {str(path.relative_to(etc)) for path in files} == {
        "kiosk.toml", "hq.pub", "signing.pub", "sealing.pub",
        "tls/ca.pem", "tls/terminal.key", "tls/terminal.pem",
        *(f"keys/{name}.key" for name in ("ledger", "gallery", "templates", "badges")),
        *(f"keys/{name}.{half}" for name in ("signing", "sealing") for half in ("key", "pub")),
    }  # fmt: skip
    assert {str(path) for path in files} <= bench.listed()
    told = "".join(
        [*outputs, *(path.read_text() for path in bench.folder.rglob("*") if path.is_file())]
    )
    assert token not in told
    assert "BEGIN" not in "".join(outputs)
    settings = load(etc / "kiosk.toml")
    assert (settings.terminal.name, settings.screen.language) == ("gate-b", "de")
    assert settings.mqtt.certificate == etc / "tls" / "terminal.pem"
    own = load_signing_key(etc / "keys").public_key()
    assert own == load_public_key(etc / "signing.pub")


def test_one_site_file_makes_a_terminal_that_asks_with_the_stick_and_goes_on_with_the_answer(
    hq: Headquarters, bench: Callable[[Headquarters, Path], Bench]
) -> None:
    machine = bench(hq, hq.site(POLICY))
    asked = machine.provision()
    assert asked.returncode == 0, asked.stderr
    assert "plant-1.gate-b.join signed (kiosk-hq join sign)" in asked.stdout
    assert not (machine.etc / "tls" / "terminal.pem").exists()
    keys = load_signing_key(machine.etc / "keys").private_bytes_raw()

    assert hq.sign(hq.folder).output == "plant-1/gate-b joined\n"
    joined = machine.provision(TOKEN="")
    assert joined.returncode == 0, joined.stderr
    assert "plant-1/gate-b has joined" in joined.stdout
    assert [line.split()[0] for line in joined.stdout.splitlines() if "settings" in line] == [
        "skip"
    ]
    assert load_signing_key(machine.etc / "keys").private_bytes_raw() == keys
    require_terminal(machine, [asked.stdout, asked.stderr, joined.stdout, joined.stderr])


@pytest.mark.soak
def test_over_the_broker_it_joins_by_itself_and_without_headquarters_waits_for_the_next_run(
    tmp_path: Path,
    authority: Authority,
    broker: Broker,
    bench: Callable[[Headquarters, Path], Bench],
) -> None:
    hq = Headquarters(tmp_path / "hq", authority, broker.port)
    hq.folder.mkdir()
    hq.set_up(authority.client("hq", datetime.now(UTC)))
    hq.signs()
    machine = bench(hq, hq.site(POLICY, joins=True))
    broker.stop()
    alone = machine.provision(within_s=1)
    assert alone.returncode == 0, alone.stderr
    assert "no connection to 127.0.0.1" in alone.stderr
    assert "the request to join waits for headquarters" in alone.stdout
    assert (machine.etc / "join-request").exists()

    broker.start()
    program = Program("hq", hq.config, tmp_path / "hq.log")
    try:
        until(lambda: program.said("broker_connected"), "headquarters to listen")
        joined = machine.provision()
    finally:
        program.stop()
    assert joined.returncode == 0, joined.stderr
    assert "plant-1/gate-b has joined" in joined.stdout
    assert "join" not in joined.stdout.partition("Still to do:")[2]
    assert not (machine.etc / "join-request").exists()
    require_terminal(machine, [alone.stdout, alone.stderr, joined.stdout, joined.stderr])


def test_a_site_file_of_another_headquarters_is_not_believed_and_nothing_is_written(
    hq: Headquarters, bench: Callable[[Headquarters, Path], Bench]
) -> None:
    machine = bench(hq, hq.site())
    refused = machine.provision(FINGERPRINT="ab12 " * 15 + "ab12")
    assert refused.returncode == 1
    assert "the site file is signed by" in refused.stderr
    assert not machine.etc.exists()


def read_site(tmp_path: Path, text: str, said: str) -> str:
    """A setup in which the site file was read: its settings, and what it answers."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "settings.toml").write_text(text)
    (folder / "tables").write_text(
        "".join(f"{line[1:-1]}\n" for line in text.split() if line[0] == "[")
    )
    (folder / "answers").write_text(said)
    return f"SCRATCH={tmp_path}\nsealing_works() {{ false; }}\n"


def test_a_table_of_the_site_is_the_sites_and_the_answers_give_the_others(tmp_path: Path) -> None:
    setup = read_site(tmp_path, POLICY, "")
    file = tmp_path / "kiosk.toml"
    file.write_text(
        called("settings_text", ANSWERS | WHO | {"SITE_FILE": "/x", "SITE": "plant-1"}, setup=setup)
    )
    settings = load(file)
    assert (settings.camera.source, settings.indicators.green) == ("v4l2", 5)
    assert (settings.screen.language, settings.retention.punches_days) == ("de", 800)
    assert load_settings(file, SyncSettings).mqtt.host == "broker.example.net"


def test_an_answer_that_packages_follow_and_the_site_contradicts_ends_the_run() -> None:
    done = ran("site_said SCREEN yes", ANSWERS | {"SITE_FILE": "/x"})
    assert done.returncode == 2
    assert "the site file says yes; answer SCREEN=yes" in done.stderr
    assert called("site_said PAD off; echo ${ANSWER[PAD]}", ANSWERS) == "off\n"


def test_a_refusal_ends_the_run_and_a_request_that_waits_does_not(tmp_path: Path) -> None:
    setup = (
        f"ETC={tmp_path} SETTINGS={tmp_path}/kiosk.toml\nlisted() {{ :; }}\nopen_keys() {{ :; }}\n"
        "unjoined() { return 8; }\nkiosk_bin() { echo unjoined; }\n"
    )
    answers = WHO | {"SITE_FILE": "/x", "JOINS": "broker"}
    refused = ran("join_do", answers, setup=setup)
    assert refused.returncode == 1
    assert "no request was made" in refused.stderr
    (tmp_path / "join-request").write_bytes(b"asked")
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "terminal.key").write_text("a key")
    told = called(
        "join_is_done || echo again; join_do; join_is_done && echo for now", answers, setup=setup
    )
    assert told == "again\nfor now\n"


def test_what_the_site_file_says_is_not_answered_too_and_a_token_is_not_shown(
    tmp_path: Path,
) -> None:
    file, site = tmp_path / "answers", tmp_path / "plant-1.kiosk"
    site.write_text("{}")
    file.write_text(f"SITE_FILE={site}\nNAME=gate-b\nBROKER=b\nTOKEN=abcde-fghij!\n")
    done = provision("--dry-run", "--answers", file)
    assert done.returncode == 2
    assert "BROKER: the site file says it" in done.stderr
    assert "FINGERPRINT or HQ_KEY: one of them" in done.stderr
    assert "TOKEN = '(not shown)'" in done.stderr
    assert "abcde" not in done.stderr
    file.write_text(f"SITE_FILE={site}\nNAME=gate-b\nFINGERPRINT={'ab' * 32}\nCAMERA=v4l2\n")
    assert provision("--dry-run", "--answers", file).returncode == 0
