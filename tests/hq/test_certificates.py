"""Headquarters signs only what a terminal asked for, and only for the terminal's own name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from hq.certificates import certificate_lines, install, issue, waiting_request
from hq.errors import CertificateError
from morning.pki import Authority
from store.certificates import mistake
from store.records import Body, CertificateRequest, CertificateRotated, Record
from sync.pairs import Pairs
from sync.tls import Broker, tls_context
from tests.hq.databases import Databases
from tests.hq.made import Office, open_office
from tests.sync.made import GATE_A, GATE_B, HQ_KEY, head_of, next_record

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    opened = open_office(databases.ready(), GATE_A, GATE_B)
    opened.now = NOW
    yield opened
    opened.database.close()


class Asking:
    """A terminal that tells records about its certificate."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office, self.pairs = office, Pairs(folder, (folder / "none", folder / "none"))
        self.records: list[Record] = []

    def tell(self, body: Body) -> None:
        self.records.append(next_record(head_of(self.records), body))
        self.office.take(self.records[-1:])

    def ask(self, number: int, name: str = str(GATE_A)) -> str:
        request = self.pairs.request(number, name)
        self.tell(CertificateRequest(request=request))
        return request


@pytest.fixture
def asking(office: Office, tmp_path: Path) -> Asking:
    return Asking(office, tmp_path)


def states(office: Office) -> list[str]:
    return [line["state"] for line in certificate_lines(office.database)]


def sign(request: str, by: Authority, valid_for: timedelta = DAY) -> str:
    return issue(request, by.ca, by.directory / "ca.key", valid_for, NOW)


def send(office: Office, certificate: str) -> None:
    install(office.database, HQ_KEY, GATE_A, certificate, NOW + DAY / 100, NOW + DAY)


def test_the_newest_request_counts_until_it_is_installed(
    office: Office, asking: Asking, authority: Authority
) -> None:
    assert states(office) == []
    asking.ask(1)
    request = asking.ask(2)
    assert waiting_request(office.database, GATE_A) == request
    send(office, sign(request, authority))
    assert states(office) == ["sent"]
    asking.tell(CertificateRotated(outcome="refused", detail="it is for another key"))
    assert states(office) == ["refused"]
    assert waiting_request(office.database, GATE_A) == request  # the key still waits
    asking.tell(CertificateRotated(outcome="installed", fingerprint="0" * 64))
    with pytest.raises(CertificateError, match="rotate_certificate"):
        waiting_request(office.database, GATE_A)
    with pytest.raises(CertificateError, match="rotate_certificate"):
        waiting_request(office.database, GATE_B)


def test_a_request_for_another_terminals_name_is_not_signed(office: Office, asking: Asking) -> None:
    for number, name in enumerate(("plant-1/gate-b", "hq", "watch"), 1):
        asking.ask(number, name)
        with pytest.raises(CertificateError, match="sign nothing"):
            waiting_request(office.database, GATE_A)
    asking.tell(CertificateRequest(request="-----BEGIN"))
    with pytest.raises(CertificateError, match="malformed"):
        waiting_request(office.database, GATE_A)


def test_what_the_terminal_would_refuse_is_not_sent(
    office: Office, asking: Asking, authority: Authority
) -> None:
    first, _ = asking.ask(1), asking.ask(2)
    with pytest.raises(CertificateError, match="for another key"):
        send(office, sign(first, authority))
    with pytest.raises(CertificateError, match="not a PEM certificate"):
        send(office, "certificate")
    assert states(office) == ["waiting"]


def test_what_is_signed_is_a_client_certificate_that_outlives_no_ca(
    asking: Asking, authority: Authority
) -> None:
    request = asking.ask(1)
    certificate = sign(request, authority, 3650 * DAY)
    asking.pairs.keep(1, certificate)
    path, key = asking.pairs.of(1)
    tls_context(Broker("127.0.0.1", 1, authority.ca, path, key, "c"))
    assert mistake(certificate, request, str(GATE_A), NOW, authority.ca.read_text()) is None
    made, ca = (
        x509.load_pem_x509_certificate(pem)
        for pem in (certificate.encode(), authority.ca.read_bytes())
    )
    assert made.not_valid_after_utc == ca.not_valid_after_utc
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [use.dotted_string for use in usage] == ["1.3.6.1.5.5.7.3.2"]


def test_a_ca_that_is_none_is_named(asking: Asking, authority: Authority, tmp_path: Path) -> None:
    request, ca_key = asking.ask(1), authority.directory / "ca.key"
    other = Authority(tmp_path / "other", NOW)
    for ca, key, why in (
        (tmp_path / "nowhere", ca_key, "nowhere: No such file"),
        (ca_key, ca_key, "not a certificate and an unencrypted private key"),
        (authority.ca, other.directory / "ca.key", "not the key of"),
    ):
        with pytest.raises(CertificateError, match=why):
            issue(request, ca, key, DAY, NOW)
