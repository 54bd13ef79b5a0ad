"""A renewed certificate: asked for, checked, tried, used; the old pair serves until then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from hq.certificates import issue
from morning.pki import Authority
from store.database import open_database
from store.errors import StorageError
from store.renewal import Order, Renewal
from sync.pairs import Pairs
from sync.renewal import TRIES, CertificateRenewal
from sync.tls import Broker, tls_context
from tests.killing import die_before, is_killed
from tests.store.made import LEDGER_KEY

NAME = "plant-1/gate-a"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass
class StandIn:
    """A trial's connection that the test decides about."""

    connection: int | None = None
    failures: int = 0
    trouble: str = ""
    running: bool = False

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running = False


class Terminal:
    """sync's side of one terminal; the test plays kiosk and headquarters."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder, self.authority = folder, authority
        folder.mkdir(exist_ok=True)
        self.old = folder / "configured.pem", folder / "configured.key"
        self.trial = StandIn()
        self.tried: list[Broker] = []
        if not self.old[0].exists():
            made = authority.client(NAME, NOW)
            shutil.copyfile(made.certificate, self.old[0])
            shutil.copyfile(made.key, self.old[1])
            open_database(folder / "ledger.db", LEDGER_KEY, create=True).close()
        self.kiosk_db = open_database(folder / "ledger.db", LEDGER_KEY, create=False)
        self.kiosk = Renewal(self.kiosk_db)
        self.database = open_database(folder / "ledger.db", LEDGER_KEY, create=False)
        self.restart()

    def restart(self) -> None:
        """As a new process."""
        self.pairs = Pairs(self.folder, self.old)
        self.renewal = CertificateRenewal(
            self.database, self.pairs, self.broker(), NAME, lambda: NOW, self._dial
        )

    def broker(self) -> Broker:
        certificate, key = self.pairs.in_use()
        return Broker("127.0.0.1", 1, self.authority.ca, certificate, key, f"kiosk/{NAME}")

    def _dial(self, broker: Broker) -> StandIn:
        tls_context(broker)
        self.tried.append(broker)
        return self.trial

    def order(self) -> Order:
        order = self.kiosk.get()
        assert order is not None
        return order

    def ask(self, number: int = 7) -> str:
        """Order a certificate; the request."""
        self.kiosk.begin(number)
        self.renewal.step(True)
        self.kiosk.told(number)
        return self.order().request or ""

    def signed(self, request: str, authority: Authority | None = None, days: int = 90) -> str:
        by = authority or self.authority
        when = NOW if days > 0 else NOW - 100 * DAY
        return issue(request, by.ca, by.directory / "ca.key", abs(days) * DAY, when)

    def bring(self, certificate: str) -> None:
        assert self.kiosk.bring(certificate)
        self.renewal.step(True)

    def usable(self) -> tuple[Path, Path]:
        """The pair in use, which a connection can be made with."""
        tls_context(self.broker())
        return self.pairs.in_use()

    def close(self) -> None:
        self.database.close()
        self.kiosk_db.close()


@pytest.fixture
def terminal(tmp_path: Path, authority: Authority) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "data", authority)
    yield made
    made.close()


def test_the_new_pair_is_used_once_the_broker_has_taken_it(terminal: Terminal) -> None:
    certificate = terminal.signed(terminal.ask())
    assert terminal.pairs.of(7)[1].stat().st_mode & 0o777 == 0o600
    terminal.bring(certificate)
    [tried] = terminal.tried
    assert tried.client_id == f"kiosk/{NAME}/trial"  # the working session is left alone
    assert terminal.usable() == terminal.old
    assert not terminal.renewal.step(True)
    terminal.trial.connection = 1
    assert terminal.renewal.step(True)
    assert terminal.usable()[0].read_text() == certificate
    assert terminal.order().conclusion == "installed"
    assert not terminal.trial.running


def test_the_request_is_for_this_terminals_name(terminal: Terminal) -> None:
    request = x509.load_pem_x509_csr(terminal.ask().encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == f"CN={NAME}"


def another_key(terminal: Terminal, request: str) -> str:
    other = Pairs(terminal.folder / "other", terminal.old)
    (terminal.folder / "other").mkdir()
    del request
    return terminal.signed(other.request(1, NAME))


def another_name(terminal: Terminal, request: str) -> str:
    """For the right key all the same: a CA that was talked into it."""
    key = Pairs(terminal.folder, terminal.old)
    del request
    return terminal.signed(key.request(7, "plant-1/gate-b"))


def another_ca(terminal: Terminal, request: str) -> str:
    folder = terminal.folder / "stranger"
    return terminal.signed(request, Authority(folder, NOW, "Kiosk morning CA"))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (another_key, "it is for another key"),
        (another_name, "its common name is not this terminal's"),
        (another_ca, "it is not signed by the CA of this terminal"),
        (lambda t, r: t.signed(r, days=-90), "it is not valid at this time"),
        (lambda _, __: "-----BEGIN CERTIFICATE-----\nAAAA\n", "not a PEM certificate"),
        (lambda _, r: r, "not a PEM certificate"),
    ],
)
def test_what_was_not_asked_for_is_refused_and_the_old_stays(
    terminal: Terminal, make: Callable[[Terminal, str], str], why: str
) -> None:
    request = terminal.ask()
    terminal.bring(make(terminal, request))
    order = terminal.order()
    assert (order.conclusion, order.detail) == ("refused", why)
    assert (terminal.usable(), terminal.tried) == (terminal.old, [])
    terminal.kiosk.wait_on(7)  # the key still waits for the right one
    terminal.bring(terminal.signed(request))
    assert len(terminal.tried) == 1


def below(folder: Path, root: Authority) -> Authority:
    """An authority that `root` has signed."""
    made = Authority(folder, NOW, "below")
    key = load_pem_private_key((root.directory / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    own = x509.load_pem_x509_certificate(made.ca.read_bytes())
    by = x509.load_pem_x509_certificate(root.ca.read_bytes())
    builder = (
        x509.CertificateBuilder()
        .subject_name(own.subject)
        .issuer_name(by.subject)
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    made.ca.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return made


def test_a_certificate_may_bring_the_authority_between(terminal: Terminal, tmp_path: Path) -> None:
    between = below(tmp_path / "below", terminal.authority)
    leaf = terminal.signed(terminal.ask(), between)
    terminal.bring(leaf + between.ca.read_text())
    assert terminal.trial.running


def test_an_authority_that_nobody_vouches_for_is_not_believed(
    terminal: Terminal, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger", NOW, "below")
    leaf = terminal.signed(terminal.ask(), stranger)
    terminal.bring(leaf + stranger.ca.read_text())
    assert terminal.order().detail == "it is not signed by the CA of this terminal"


def test_what_the_broker_does_not_take_is_given_up_only_if_the_old_pair_connects(
    terminal: Terminal,
) -> None:
    terminal.bring(terminal.signed(terminal.ask()))
    for _ in range(3 * TRIES):  # no network at all
        terminal.trial.failures += 1
        assert not terminal.renewal.step(False)
    assert terminal.order().conclusion is None
    for _ in range(TRIES):
        assert terminal.order().conclusion is None
        terminal.trial.failures, terminal.trial.trouble = terminal.trial.failures + 1, "unknown ca"
        assert not terminal.renewal.step(True)
    order = terminal.order()
    assert (order.conclusion, order.detail) == ("rejected", "unknown ca")
    assert terminal.usable() == terminal.old


def test_a_new_order_ends_the_trial_of_the_one_before(terminal: Terminal) -> None:
    terminal.bring(terminal.signed(terminal.ask(7)))
    assert terminal.trial.running
    assert terminal.ask(8) != ""
    assert not terminal.trial.running
    terminal.trial.connection = 1
    assert not terminal.renewal.step(True)
    assert terminal.usable() == terminal.old


def test_a_key_that_is_gone_is_made_anew_and_asked_for_again(terminal: Terminal) -> None:
    first = terminal.ask()
    shutil.rmtree(terminal.folder / "tls")
    terminal.restart()
    terminal.renewal.step(True)
    order = terminal.order()
    assert order.request not in (None, first)
    assert not order.told


def test_the_next_renewal_leaves_no_old_keys(terminal: Terminal) -> None:
    for number in (7, 8):
        certificate = terminal.signed(terminal.ask(number))
        terminal.trial = StandIn(connection=1)
        terminal.bring(certificate)
        assert terminal.renewal.step(True)
        terminal.kiosk.end(number)
        terminal.restart()
        terminal.renewal.step(True)
    assert sorted(path.name for path in (terminal.folder / "tls").iterdir()) == ["8", "current"]


def test_files_put_into_the_settings_later_count_again(terminal: Terminal) -> None:
    terminal.trial = StandIn(connection=1)
    terminal.bring(terminal.signed(terminal.ask()))
    terminal.renewal.step(True)
    assert terminal.usable() != terminal.old
    later = (terminal.folder / "tls" / "current").lstat().st_mtime_ns + 10**9
    os.utime(terminal.old[0], ns=(later, later))
    assert terminal.usable() == terminal.old


def test_a_full_disk_puts_the_request_off_and_holds_nothing_up(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Pairs, "request", full)
        terminal.kiosk.begin(7)
        assert not terminal.renewal.step(True)
    assert terminal.order().request is None
    assert terminal.ask(7) != ""


def test_a_name_that_no_certificate_can_hold_is_said(terminal: Terminal) -> None:
    terminal.kiosk.begin(7)
    terminal.renewal = CertificateRenewal(
        terminal.database, terminal.pairs, terminal.broker(), "x" * 65, lambda: NOW, terminal._dial
    )
    terminal.renewal.step(True)
    assert (terminal.order().conclusion, terminal.order().request) == ("refused", None)


def renew_until_killed(folder: Path, authority: Authority, steps: int) -> bool:
    """Begin to renew, or go on, in a child that lives for so many steps; whether it got through."""

    def work() -> None:
        terminal = Terminal(folder, authority)
        die_before(steps)
        renew(terminal)

    return not is_killed(work)


def renew(terminal: Terminal) -> None:
    """What sync does, and between its steps kiosk and headquarters, until it is installed."""
    terminal.trial = StandIn(connection=1)
    for _ in range(8):
        terminal.restart()
        terminal.renewal.step(True)
        order = terminal.order()
        if order.request is not None and not order.told:
            terminal.kiosk.told(order.number)
        elif order.told and order.certificate is None:
            terminal.kiosk.bring(terminal.signed(order.request or ""))
        terminal.renewal.step(True)
        terminal.renewal.step(True)
        if terminal.order().conclusion is not None:
            return


# Every step by hand, each eleventh at every change: a step takes a tenth of a second.
@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.soak)])
def test_sync_killed_at_any_step_has_a_usable_pair_and_gets_there(
    tmp_path: Path, authority: Authority, every: int
) -> None:
    begun = Terminal(tmp_path / "begun", authority)
    begun.kiosk.begin(7)
    begun.close()
    kills, through, steps = 0, False, 0
    while not through:
        folder = tmp_path / f"killed-{steps}"
        shutil.copytree(tmp_path / "begun", folder, copy_function=shutil.copyfile)
        through = renew_until_killed(folder, authority, steps)
        kills += not through
        terminal = Terminal(folder, authority)
        terminal.usable()
        renew(terminal)
        assert terminal.order().conclusion == "installed", steps
        certificate = terminal.usable()[0]
        assert certificate.read_text() == terminal.order().certificate
        assert certificate != terminal.old[0]
        terminal.close()
        shutil.rmtree(folder)
        steps += every
    assert kills > 30 / every
