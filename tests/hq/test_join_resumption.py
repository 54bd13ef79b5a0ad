"""`kiosk join` over the broker goes on wherever it ended: out of time, refused, or killed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hq.database import Database
from hq.join_desk import JoinDesk
from hq.joining import Authority as Signing
from hq.keys import load_key
from kiosk.errors import JoinError
from morning.pki import Authority
from store.joining import digest
from sync.contract.joining import Asking
from tests.hq.joined import Headquarters, Machine, without_a_broker
from tests.killing import die_before, is_killed
from tests.sync.made import inbound

Answers = Callable[[bytes], dict[str, str]]


@pytest.fixture
def hq(tmp_path: Path, authority: Authority) -> Headquarters:
    return without_a_broker(tmp_path / "hq", authority)


def machine(hq: Headquarters, folder: Path) -> Machine:
    return Machine(folder, folder, hq.folder / "hq-keys" / "hq.pub")


def etc(of: Machine) -> list[str]:
    return sorted(path.name for path in (of.folder / "etc").iterdir())


DONE = ["ca.pem", "hq.pub", "kiosk.toml", "tls.key", "tls.pem"]


def says(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> list[list[str]]:
    """`kiosk-sync join-ask` is a stand-in that answers so; how it was called."""
    calls: list[list[str]] = []

    def run(words: list[str], **named: Any) -> subprocess.CompletedProcess[bytes]:
        calls.append(words)
        said = {"answer": "", "why": "", **answers(named["input"])}
        return subprocess.CompletedProcess(words, 0, json.dumps(said).encode())

    monkeypatch.setattr("kiosk.join_asking.subprocess.run", run)
    return calls


def always(said: dict[str, str]) -> Answers:
    return lambda _: said


def headquarters(hq: Headquarters) -> Answers:
    """What the desk with the CA's key answers; each time a worker that was started anew."""
    ca = hq.authority
    signing = Signing(ca.ca, ca.directory / "ca.key", timedelta(days=1))

    def answer(raw: bytes) -> dict[str, str]:
        database = Database(f"sqlite:///{hq.folder / 'hq.db'}")
        database.upgrade()
        desk = JoinDesk(database, load_key(hq.folder / "hq-keys" / "hq.key"), signing)
        topic = Asking("plant-1", digest(raw)).request_topic
        [out] = desk.take([inbound(topic, raw)], datetime.now(UTC))
        database.close()
        return {"state": "admitted", "answer": out.payload.decode()}

    return answer


def test_out_of_time_it_says_what_to_do_and_the_same_command_needs_no_token_again(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, site, token = machine(hq, tmp_path / "machine"), hq.site(joins=True), hq.token()
    requests: set[bytes] = set()
    for state, why, said in (
        ("waiting", "", "`kiosk-hq join sign`; then give this command again"),
        ("unanswered", "", "is `kiosk-hq run` at work"),
        ("unconnected", "refused", "no connection to 127.0.0.1:8883 (refused)"),
    ):
        calls = says(monkeypatch, always({"state": state, "why": why}))
        late = one.ask(site, "gate-b", token if not requests else None, "--timeout", "5")
        assert isinstance(late.exception, JoinError)
        assert said in str(late.exception)
        assert "then give this command again" in str(late.exception)
        assert calls[0][calls[0].index("--timeout") + 1] == "5.0"
        assert (one.folder / "etc" / "join.key").stat().st_mode & 0o777 == 0o600
        requests.add((one.folder / "etc" / "join-request").read_bytes())
    says(monkeypatch, headquarters(hq))
    assert one.ask(site, "gate-b", None).output.startswith("plant-1/gate-b has joined")
    assert etc(one) == DONE
    assert len(requests) == 1


def test_a_refused_request_is_forgotten_so_that_another_token_helps(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, site = machine(hq, tmp_path / "machine"), hq.site(joins=True)
    calls = says(monkeypatch, always({"state": "refused", "why": "its token has expired"}))
    monkeypatch.setattr("kiosk.join_asking.acts_for_sync", lambda: True)
    refused = one.ask(site, "gate-b", hq.token())
    assert str(refused.exception) == "headquarters refuses: its token has expired"
    assert calls[0][:4] == ["runuser", "-u", "kiosk-sync", "--"]  # root is not on the network
    assert "join-request" not in etc(one)
    says(monkeypatch, headquarters(hq))
    assert one.ask(site, "gate-b", hq.token()).exit_code == 0


def test_a_site_file_without_a_join_certificate_asks_for_the_stick(
    hq: Headquarters, tmp_path: Path
) -> None:
    one = machine(hq, tmp_path / "machine")
    refused = one.ask(hq.site(), "gate-b", hq.token())
    assert isinstance(refused.exception, JoinError)
    assert "--request-to FOLDER" in str(refused.exception)


def test_killed_at_any_step_the_same_command_goes_on(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = hq.site(joins=True)
    says(monkeypatch, headquarters(hq))
    for steps in range(0, 200, 11):  # a file has three steps: each of them is met
        one, token = machine(hq, tmp_path / f"m{steps}"), hq.token()

        def attempt(one: Machine = one, token: str = token, steps: int = steps) -> None:
            die_before(steps)
            one.ask(site, one.folder.name, token)

        killed = is_killed(attempt)
        assert one.ask(site, one.folder.name, token).exit_code == 0
        assert etc(one) == DONE
        if not killed:
            break
    else:
        pytest.fail("it never got through")
    assert steps > 20  # it was killed before: several times
    states = [line["state"] for line in json.loads(hq.run("tokens", "list", "--json").output)]
    assert set(states) == {"used"}
