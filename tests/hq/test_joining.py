"""A machine joins with a site file, a token and a stick, and nothing else lets it in."""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.database import Database
from hq.join_tokens import MOST_FAILURES, create_tokens, token_lines
from hq.joining import Authority as Signing
from hq.joining import admit
from hq.keys import load_key
from kiosk.cli import cli, exit_code
from kiosk.errors import JoinError
from kiosk.joining import Place, configure, install, request
from kiosk.settings import load
from morning.pki import Authority, Credentials
from store.documents import seal_document
from store.errors import (
    JoinDocumentError,
    SettingsError,
    SiteFileError,
    StoreError,
    TokenError,
)
from store.joining import open_request, read_token, seal_request, token_of
from store.keys import load_sealing_key, load_signing_key
from store.self_signed import fingerprint, pem_of
from store.settings import load_settings
from store.site_file import open_site, seal_site
from sync.settings import Settings as SyncSettings
from tests.hq.joined import Headquarters, Machine, without_a_broker

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@pytest.fixture
def hq(tmp_path: Path, authority: Authority) -> Headquarters:
    return without_a_broker(tmp_path / "hq", authority)


@pytest.fixture
def machine(tmp_path: Path, hq: Headquarters) -> Machine:
    return Machine(tmp_path / "machine", tmp_path / "stick", hq.folder / "hq-keys" / "hq.pub")


def lines(hq: Headquarters) -> list[dict[str, str]]:
    database = Database(f"sqlite:///{hq.folder / 'hq.db'}")
    try:
        return token_lines(database, datetime.now(UTC))
    finally:
        database.close()


def test_the_stick_goes_to_headquarters_and_back(hq: Headquarters, machine: Machine) -> None:
    site = hq.site('[punches]\nmode = "fixed"\nfixed = "in"\n[retention]\npunches_days = 800\n')
    token = hq.token("--name", "gate-b")
    asked = machine.join(site, "gate-b", token)
    assert (asked.exit_code, "join sign" in asked.output) == (0, True)
    assert not (machine.folder / "etc" / "tls.pem").exists()

    assert hq.sign(machine.stick).output == "plant-1/gate-b joined\n"
    joined = machine.join(site, "gate-b", None)
    assert joined.output == "plant-1/gate-b has joined; start kiosk and kiosk-sync\n"
    assert machine.join(site, "gate-b", None, "--json").exit_code == 0

    own = load(machine.config)
    assert (own.terminal.name, own.terminal.zone) == ("gate-b", "Europe/Berlin")
    assert (own.punches.fixed, own.retention.punches_days) == ("in", 800)
    assert load_settings(machine.config, SyncSettings).mqtt.host == "127.0.0.1"
    assert (machine.folder / "etc" / "tls.key").stat().st_mode & 0o777 == 0o600
    assert [line["state"] for line in lines(hq)] == ["used"]
    assert "plant-1/gate-b" in hq.run("tokens", "list").output
    assert token not in hq.run("tokens", "list", "--json").output
    listed = json.loads(hq.run("terminals", "list", "--json").output)
    assert [line["terminal"] for line in listed] == ["gate-b"]


def test_asking_again_is_the_same_request_and_signing_again_the_same_answer(
    hq: Headquarters, machine: Machine
) -> None:
    site, token = hq.site(), hq.token()
    machine.join(site, "gate-b", token)
    request_ = machine.stick / "plant-1.gate-b.join"
    first = request_.read_bytes()
    machine.join(site, "gate-b", token)
    assert request_.read_bytes() == first
    hq.sign(machine.stick)
    answer = machine.stick / "plant-1.gate-b.admission"
    before = answer.read_bytes()
    answer.unlink()
    assert hq.sign(machine.stick).exit_code == 0
    assert answer.read_bytes() == before


def test_one_of_many_is_refused_and_hinders_no_other(
    hq: Headquarters, machine: Machine, tmp_path: Path
) -> None:
    site, token = hq.site(), hq.token()
    other = Machine(tmp_path / "other", machine.stick, machine.hq_key)
    machine.join(site, "gate-a", token)
    other.join(site, "gate-b", token)
    (machine.stick / "broken.join").write_bytes(b"{}")
    signed = hq.sign(machine.stick)
    assert signed.exit_code == 1
    assert signed.stdout == "plant-1/gate-a joined\n"
    assert "its token was used by gate-a; make another; nothing was signed" in signed.stderr
    assert "broken.join: not a request to join" in signed.stderr
    assert other.join(site, "gate-b", token).exit_code == 0  # it still waits
    stale = machine.stick / "plant-1.gate-b.admission"
    stale.write_bytes((machine.stick / "plant-1.gate-a.admission").read_bytes())
    assert isinstance(other.join(site, "gate-b", None).exception, JoinDocumentError)
    assert other.join(site, "gate-b", hq.token()).exit_code == 0  # asks anew, the old answer or not
    assert not (other.folder / "etc" / "tls.pem").exists()


def test_another_configuration_is_not_replaced_unasked(hq: Headquarters, machine: Machine) -> None:
    token = hq.token()
    machine.join(hq.site(), "gate-b", token)
    before = machine.config.read_bytes()
    changed = hq.site("[decision]\nrepeat_s = 30\n")
    refused = machine.join(changed, "gate-b", token)
    assert isinstance(refused.exception, JoinError)
    assert "kiosk.toml: there already and different; nothing was written" in str(refused.exception)
    assert machine.config.read_bytes() == before
    assert machine.join(changed, "gate-b", token, "--replace").exit_code == 0
    assert load(machine.config).decision.repeat_s == 30


def test_a_machine_with_anothers_records_is_no_new_terminal_and_without_them_gets_new_tls_keys(
    hq: Headquarters, machine: Machine
) -> None:
    site = hq.site()
    machine.join(site, "gate-b", hq.token())
    hq.sign(machine.stick)
    machine.join(site, "gate-b", None)
    etc = machine.folder / "etc"
    before = (etc / "tls.key").read_bytes()
    ledger = machine.folder / "data" / "ledger.db"
    ledger.write_bytes(b"x")
    refused = machine.join(site, "gate-c", hq.token(), "--replace")
    assert isinstance(refused.exception, JoinError)
    assert "this machine is plant-1/gate-b and has records" in str(refused.exception)
    ledger.unlink()
    assert "request is in" in machine.join(site, "gate-c", hq.token(), "--replace").output
    assert (etc / "tls.key").read_bytes() != before
    assert not (etc / "tls.pem").exists()


def test_settings_that_no_terminal_takes_are_said_before_anything_is_written(
    hq: Headquarters, machine: Machine
) -> None:
    refused = machine.join(hq.site("[punches]\nmode = 3\n"), "gate-b", hq.token())
    assert isinstance(refused.exception, SettingsError)
    assert "punches.mode" in str(refused.exception)
    assert [*(machine.folder / "etc").iterdir()] == []
    assert not (machine.folder / "keys").exists()


@pytest.mark.parametrize("table", ["terminal", "store", "hq", "mqtt"])
def test_a_sites_settings_cannot_say_whom_a_terminal_believes(hq: Headquarters, table: str) -> None:
    (hq.folder / "x.toml").write_text(f"[{table}]\n")
    words = ("site", "export", "plant-1", "--zone", "UTC", "--settings", str(hq.folder / "x.toml"))
    refused = hq.run(*words)
    assert refused.exit_code == 2
    assert f"[{table}] is a terminal's own" in refused.output


def test_the_fingerprint_is_shown_and_compared(hq: Headquarters, machine: Machine) -> None:
    site, token = hq.site(), hq.token()
    shown = fingerprint(load_key(hq.folder / "hq-keys" / "hq.key").public_key())
    words = [
        "join", str(site), "--name", "gate-b", "--token", token, "--config", str(machine.config),
        "--data", str(machine.folder), "--keys", str(machine.folder / "keys"),
        "--request-to", str(hq.folder),
    ]  # fmt: skip
    declined = CliRunner().invoke(cli, words, input="n\n")
    assert (declined.exit_code, shown in declined.stderr) == (1, True)
    assert not machine.config.exists()
    wrong = CliRunner().invoke(cli, [*words, "--fingerprint", "ab" * 32])
    assert isinstance(wrong.exception, SiteFileError)
    assert not machine.config.exists()
    assert CliRunner().invoke(cli, [*words, "--fingerprint", shown.upper()]).exit_code == 0


def test_a_site_file_of_another_headquarters_is_refused(
    hq: Headquarters, machine: Machine, tmp_path: Path
) -> None:
    other = Headquarters(tmp_path / "other-hq", hq.authority)
    other.folder.mkdir()
    other.set_up(Credentials(hq.authority.ca, Path("x"), Path("x")))
    refused = machine.join(other.site(), "gate-b", hq.token())
    assert isinstance(refused.exception, SiteFileError)
    assert not machine.config.exists()


@settings(max_examples=25)  # each signs, parses and verifies a document with a certificate in it
@given(st.data())
def test_a_site_file_with_any_byte_changed_is_none(
    authority: Authority, data: st.DataObject
) -> None:
    ca = authority.ca.read_text()
    raw = bytearray(seal_site(KEY, "plant-1", "UTC", "broker", 8883, ca, "[punches]\n", NOW))
    assert open_site(bytes(raw), KEY.public_key())[0].host == "broker"
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SiteFileError):
        open_site(bytes(raw), KEY.public_key())


@given(st.binary(min_size=9, max_size=9))
def test_a_token_is_read_as_people_type_it_and_mistyped_it_is_none(id: bytes) -> None:
    text = token_of(KEY, id.hex())
    assert read_token(text.upper().replace("-", " ")) == read_token(text)
    assert read_token(text).id == id.hex()
    wrong = ("b" if text[7] != "b" else "c").join((text[:7], text[8:]))
    with pytest.raises(TokenError):
        read_token(wrong)


def asked(hq: Headquarters, folder: Path, token: str, now: datetime = NOW) -> tuple[Place, bytes]:
    """A configured machine's place and its request."""
    at = Place(folder / "etc" / "kiosk.toml", folder / "data", folder / "keys")
    site, _ = open_site(hq.site().read_bytes())
    configure(site, folder.name, at, replace=False)
    return at, request(site, folder.name, read_token(token), at, now)


class Desk:
    """Headquarters' side without its commands, so that the test has the clock."""

    def __init__(self, hq: Headquarters) -> None:
        self.key = load_key(hq.folder / "hq-keys" / "hq.key")
        self.database = Database(f"sqlite:///{hq.folder / 'hq.db'}")
        self.database.upgrade()
        ca = hq.authority
        self.signing = Signing(ca.ca, ca.directory / "ca.key", timedelta(days=1))

    def token(self, name: str | None = None, site: str = "plant-1") -> str:
        expires = NOW + timedelta(hours=24)
        [made] = create_tokens(self.database, self.key, site, name, 1, NOW, expires)
        return made

    def answer(self, raw: bytes, now: datetime = NOW) -> bytes:
        return admit(self.database, self.key, self.signing, raw, now)[1]

    def refuses(self, raw: bytes, why: str, now: datetime = NOW) -> None:
        with pytest.raises(Exception, match=why):
            self.answer(raw, now)


@pytest.fixture
def desk(hq: Headquarters) -> Desk:
    return Desk(hq)


def test_a_token_is_for_its_time_its_site_and_its_name(
    hq: Headquarters, desk: Desk, tmp_path: Path
) -> None:
    day = timedelta(days=1)
    desk.refuses(asked(hq, tmp_path / "gate-b", desk.token())[1], "has expired", NOW + day)
    desk.refuses(asked(hq, tmp_path / "gate-c", desk.token("gate-d"))[1], "another site or")
    desk.refuses(asked(hq, tmp_path / "gate-e", desk.token(None, "plant-2"))[1], "another site")
    desk.refuses(asked(hq, tmp_path / "gate-f", token_of(desk.key, "00" * 9))[1], "no such token")


def test_a_request_without_the_tokens_secret_is_refused_and_a_few_of_them_end_the_token(
    hq: Headquarters, desk: Desk, tmp_path: Path
) -> None:
    token = desk.token()
    at, good = asked(hq, tmp_path / "gate-b", token)
    content = open_request(good).request
    guess = read_token(token_of(KEY, content.token))  # another headquarters' secret for the id
    sealing = load_sealing_key(at.keys).public_key()
    words = (content.site, content.terminal, guess, content.csr, NOW)
    bad = seal_request(load_signing_key(at.keys), sealing, *words)
    for _ in range(MOST_FAILURES):
        desk.refuses(bad, "not made with its token")
    desk.refuses(good, "was tried 5 times")
    assert [line["state"] for line in lines(hq)] == ["barred"]


def test_nothing_of_a_request_can_be_exchanged_on_the_way(
    hq: Headquarters, desk: Desk, tmp_path: Path
) -> None:
    """Who intercepts it signs it anew with a key of their own: the token's HMAC does not fit."""
    _, raw = asked(hq, tmp_path / "gate-b", desk.token())
    mallory, _ = asked(hq, tmp_path / "mallory", token_of(desk.key, "11" * 9))
    body = json.loads(raw)["body"]
    for changed in ({"terminal": "gate-a"}, {"site": "plant-2"}, {}):
        signer = load_signing_key(mallory.keys)
        own = {**body, **changed, "signing": pem_of(signer.public_key())}
        desk.refuses(seal_document(signer, "join", own), "not made with its token|own name")
    assert desk.answer(raw)


def test_a_name_that_is_taken_stays_its_owners_and_the_token_stays_open(
    hq: Headquarters, desk: Desk, tmp_path: Path
) -> None:
    desk.answer(asked(hq, tmp_path / "gate-b", desk.token())[1])
    again = desk.token()
    desk.refuses(asked(hq, tmp_path / "second" / "gate-b", again)[1], "another key")
    assert desk.answer(asked(hq, tmp_path / "gate-c", again)[1])


def test_only_the_answer_to_the_waiting_request_is_taken(
    hq: Headquarters, desk: Desk, tmp_path: Path
) -> None:
    at, raw = asked(hq, tmp_path / "gate-b", desk.token(), datetime.now(UTC))
    _, others = asked(hq, tmp_path / "gate-c", desk.token())
    now = datetime.now(UTC)
    wrong = desk.answer(others)
    for answer, why in ((wrong, "another request"), (b"{}", "not an answer")):
        with pytest.raises(JoinDocumentError, match=why):
            install(answer, at, now)
        assert not at.certificate.exists()
    late = desk.answer(raw)
    with pytest.raises(JoinDocumentError, match="not valid at this time"):
        install(late, at, NOW + timedelta(days=4000))
    with pytest.raises(JoinError, match="no request waits"):
        install(late, Place(tmp_path / "kiosk.toml", tmp_path, tmp_path), now)


def test_root_gives_each_file_to_the_user_who_needs_it(
    hq: Headquarters, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: dict[str, int] = {}
    users = {"kiosk": (901, 900), "kiosk-sync": (902, 900)}

    def user(name: str) -> pwd.struct_passwd:
        uid, gid = users[name]
        return pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/false"))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, uid, _: owners.update({Path(path).name: uid}))
    monkeypatch.setattr(pwd, "getpwnam", user)
    assert machine.join(hq.site(), "gate-b", hq.token()).exit_code == 0
    assert {owners[name] for name in ("data", "keys", "ledger.key", "signing.key")} == {901}
    assert owners["tls.key"] == 902
    keys = machine.folder / "keys"
    assert (keys.stat().st_mode & 0o777, (keys / "ledger.key").stat().st_mode & 0o777) == (
        0o710,
        0o440,
    )


def test_every_error_of_joining_has_its_exit_code() -> None:
    codes = {JoinError: 8, JoinDocumentError: 8, TokenError: 2, SiteFileError: 2}
    for error, code in codes.items():
        assert exit_code(error("x")) == code
    assert issubclass(TokenError, StoreError)
