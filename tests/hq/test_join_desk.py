"""Requests to join that come over the broker: answered, kept waiting or refused, never a harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hq.database import Database
from hq.errors import CertificateError
from hq.join_desk import JoinDesk
from hq.join_tokens import MOST_FAILURES, create_tokens, token_lines, waiting_requests
from hq.joining import Authority as Signing
from hq.keys import load_key
from hq.reports import alarm_lines
from kiosk.joining import Place, configure, install, request
from morning.pki import Authority
from store.join_notice import open_notice
from store.joining import digest, open_request, read_token, seal_request, token_of
from store.keys import load_sealing_key, load_signing_key
from store.site_file import open_site
from sync.contract.joining import Asking
from tests.hq.joined import without_a_broker
from tests.sync.made import inbound

NOW = datetime.now(UTC)


class Desk:
    """Headquarters' desk on a real database, and machines that ask."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.hq = without_a_broker(folder / "hq", authority)
        self.folder = folder
        self.key = load_key(self.hq.folder / "hq-keys" / "hq.key")
        self.database = Database(f"sqlite:///{self.hq.folder / 'hq.db'}")
        self.database.upgrade()
        self.signing = Signing(authority.ca, authority.directory / "ca.key", timedelta(days=1))
        self.alone = JoinDesk(self.database, self.key, None)
        self.with_ca = JoinDesk(self.database, self.key, self.signing)

    def token(self) -> str:
        [made] = create_tokens(
            self.database, self.key, "plant-1", None, 1, NOW, NOW + timedelta(days=1)
        )
        return made

    def asked(self, name: str, token: str) -> tuple[Place, bytes]:
        folder = self.folder / name
        at = Place(folder / "etc" / "kiosk.toml", folder / "data", folder / "keys")
        site, _ = open_site(self.hq.site().read_bytes())
        name = folder.name
        configure(site, name, at, replace=False)
        return at, request(site, name, read_token(token), at, NOW)

    def answer(self, desk: JoinDesk, raw: bytes) -> bytes:
        """The one answer to a request, in its own topic and not retained."""
        asking = Asking("plant-1", digest(raw))
        [out] = desk.take([inbound(asking.request_topic, raw)], NOW)
        assert (out.topic, out.retain) == (asking.answer_topic, False)
        return out.payload

    def notice(self, desk: JoinDesk, raw: bytes) -> tuple[str, str]:
        said = open_notice(self.key.public_key(), self.answer(desk, raw), digest(raw))
        return said.state, said.why

    def waiting(self, now: datetime) -> list[tuple[bytes, datetime]]:
        return waiting_requests(self.database, now)

    def alarms(self) -> list[tuple[str, str]]:
        return [(one["what"], one["site"]) for one in alarm_lines(self.database)]


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Desk:
    return Desk(tmp_path, authority)


def test_with_the_cas_key_the_answer_is_there_at_once_and_again_the_same(desk: Desk) -> None:
    at, raw = desk.asked("gate-b", desk.token())
    first = desk.answer(desk.with_ca, raw)
    assert desk.answer(desk.with_ca, raw) == desk.answer(desk.alone, raw) == first
    install(first, at, NOW)
    assert json.loads(desk.hq.run("join", "list", "--json").output) == []


def test_without_it_the_request_waits_for_an_operator_and_then_gets_its_answer(desk: Desk) -> None:
    at, raw = desk.asked("gate-b", desk.token())
    for _ in range(2):
        state, why = desk.notice(desk.alone, raw)
        assert (state, "join sign" in why) == ("waiting", True)
    assert "plant-1/gate-b" in desk.hq.run("join", "list").output
    assert desk.hq.run("join", "sign", *desk.hq.ca).output == "plant-1/gate-b joined\n"
    assert desk.hq.run("join", "list").output == ""
    install(desk.answer(desk.alone, raw), at, NOW)


def test_what_can_not_be_signed_any_more_is_not_on_the_operators_list(desk: Desk) -> None:
    at, raw = desk.asked("gate-b", desk.token())
    assert desk.notice(desk.alone, raw)[0] == "waiting"
    _, same = desk.asked("second/gate-b", desk.token())
    assert desk.notice(desk.alone, same)[0] == "waiting"
    install(desk.answer(desk.with_ca, raw), at, NOW)
    state, why = desk.notice(desk.alone, same)
    assert (state, "registered with another key" in why) == ("refused", True)
    assert desk.waiting(NOW) == []
    _, late = desk.asked("gate-d", desk.token())
    assert desk.notice(desk.alone, late)[0] == "waiting"
    assert [raw for raw, _ in desk.waiting(NOW)] == [late]
    assert desk.waiting(NOW + timedelta(days=2)) == []


def test_a_token_that_was_used_lets_no_second_one_in(desk: Desk) -> None:
    token = desk.token()
    desk.answer(desk.with_ca, desk.asked("gate-b", token)[1])
    for one in (desk.with_ca, desk.alone):
        state, why = desk.notice(one, desk.asked("gate-c", token)[1])
        assert (state, "was used by gate-b" in why) == ("refused", True)


def test_without_the_tokens_secret_it_is_refused_and_a_few_times_bar_the_token(desk: Desk) -> None:
    at, good = desk.asked("gate-b", desk.token())
    content = open_request(good).request
    guess = read_token(token_of(load_signing_key(at.keys), content.token))
    sealing = load_sealing_key(at.keys).public_key()
    signer = load_signing_key(at.keys)
    bad = seal_request(signer, sealing, "plant-1", "gate-b", guess, content.csr, NOW)
    for _ in range(MOST_FAILURES):
        state, why = desk.notice(desk.alone, bad)
        assert (state, "not made with its token" in why) == ("refused", True)
    assert desk.notice(desk.with_ca, good)[0] == "refused"
    assert [line["state"] for line in token_lines(desk.database, NOW)] == ["barred"]
    assert desk.hq.run("join", "list").output == ""


def test_a_ca_that_cannot_sign_is_no_fault_of_who_asks(desk: Desk, tmp_path: Path) -> None:
    gone = Signing(tmp_path / "gone.pem", tmp_path / "gone.key", timedelta(days=1))
    with pytest.raises(CertificateError, match=r"gone\.pem"):
        JoinDesk(desk.database, desk.key, gone)
    for path, source in ((gone.ca, desk.signing.ca), (gone.ca_key, desk.signing.ca_key)):
        path.write_bytes(source.read_bytes())
    taken = JoinDesk(desk.database, desk.key, gone)
    gone.ca_key.unlink()
    _, raw = desk.asked("gate-b", desk.token())
    assert desk.notice(taken, raw)[0] == "waiting"
    assert "gate-b" in desk.hq.run("join", "list").output


def test_a_request_in_anothers_topic_gets_no_answer(desk: Desk) -> None:
    _, raw = desk.asked("gate-b", desk.token())
    for asking in (Asking("plant-2", digest(raw)), Asking("plant-1", "0" * 64)):
        assert desk.with_ca.take([inbound(asking.request_topic, raw)], NOW) == []
    assert sorted(desk.alarms()) == [("malformed", "plant-1"), ("malformed", "plant-2")]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_garbage_hurts_nobody(desk: Desk, data: st.DataObject) -> None:
    """Any bytes, a request with any byte changed, anything too long, in any topic of joining."""
    if not (desk.folder / "gate-b").exists():
        desk.asked("gate-b", desk.token())
    good = (desk.folder / "gate-b" / "etc" / "join-request").read_bytes()
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    raw = data.draw(
        st.sampled_from([bytes(changed), good + b" " * 65536, b"[" * 70_000]) | st.binary()
    )
    site = data.draw(st.sampled_from(["plant-1", "plant-2", "+", "", "Ä", "x" * 70]))
    topic = Asking(site, data.draw(st.sampled_from([digest(raw), digest(good), "", "x"])))
    answers = desk.with_ca.take([inbound(topic.request_topic, raw)], NOW)
    assert answers == []
    assert {what for what, _ in desk.alarms()} == {"malformed"}
    assert desk.notice(desk.alone, good)[0] == "waiting"
