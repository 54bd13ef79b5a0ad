"""Who a badge, or a number and a PIN, stands for: on real databases, across restarts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import Parameters, Type

from kiosk.credentials import Credentials, Known, Reason, Refused
from kiosk.panel import Badged, Typed
from kiosk.stores import Stores, open_stores
from store.credentials import CredentialTables
from store.database import Database
from store.errors import DiskFullError
from store.pins import PinHasher
from store.records import Instant
from tests.kiosk.made import now, terminal
from tests.store.made import CHEAP

CODE = "0009127734"
BADGE = Known("1001", "badge")
PIN = Known("1001", "pin")
WRONG = Refused(Reason.WRONG_PIN)


class Gate:
    """A terminal in a folder that `manned` has filled."""

    def __init__(self, folder: Path) -> None:
        self.settings = terminal(folder)
        self.hasher = PinHasher(CHEAP)
        self.time_s, self.boot = 1000.0, "boot 1"

    def now(self) -> Instant:
        """The instant that the test is at."""
        ns = int(self.time_s * 1e9)
        return now().model_copy(update={"boot": self.boot, "monotonic_ns": ns})

    def type(self, credentials: Credentials, number: str, pin: str) -> Known | Refused:
        """Somebody types."""
        return credentials.check(Typed(number, pin), self.now())

    def mistype(self, credentials: Credentials, number: str, times: int) -> Known | Refused:
        """Wrong PINs, each as soon as it is looked at; what the last one gave."""
        answer: Known | Refused = WRONG
        for _ in range(times):
            answer = self.type(credentials, number, "0000")
            assert isinstance(answer, Refused)
            assert answer.reason is Reason.WRONG_PIN
            self.time_s += answer.wait_s
        return answer


@pytest.fixture(scope="module")
def manned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A terminal with two people: 1001 with badge and PIN, 1002 with neither."""
    folder = tmp_path_factory.mktemp("gate")
    with open_stores(terminal(folder)) as stores:
        for number in ("1001", "1002"):
            stores.gallery.add_person(number, "A", "en", now())
        stores.register.set_badge("1001", stores.badge_key.badge(CODE), now())
        stores.register.set_pin("1001", PinHasher(CHEAP).hash("2718"), now())
    return folder


@pytest.fixture
def gate(manned: Path, tmp_path: Path) -> Gate:
    shutil.copytree(manned, tmp_path, dirs_exist_ok=True)
    return Gate(tmp_path)


@pytest.fixture
def stores(gate: Gate) -> Iterator[Stores]:
    with open_stores(gate.settings) as stores:
        yield stores


@pytest.fixture
def credentials(gate: Gate, stores: Stores) -> Credentials:
    return Credentials(stores, gate.hasher)


def test_a_badge_and_a_pin_are_known(gate: Gate, credentials: Credentials) -> None:
    assert credentials.check(Badged(f"{CODE}\r\n"), gate.now()) == BADGE
    assert gate.type(credentials, " 1001 ", "2718") == PIN


def test_what_nobody_has_is_refused(gate: Gate, credentials: Credentials) -> None:
    unknown = Refused(Reason.UNKNOWN_BADGE)
    for code in ("0009127735", "", "é", "x" * 1000):
        assert credentials.check(Badged(code), gate.now()) == unknown


def test_a_number_that_nobody_has_is_answered_like_a_wrong_pin_to_the_last_delay(
    gate: Gate, credentials: Credentials
) -> None:
    """Also somebody without a PIN, and what is no number at all."""
    answers = []
    for number in ("1001", "1002", "4711", "\ud800"):
        gate.time_s += 10_000  # the terminal's own row is forgotten
        own = []
        for _ in range(7):
            own.append(gate.type(credentials, number, "0000"))
            own.append(gate.type(credentials, number, "0000"))
            gate.time_s += own[-1].wait_s if isinstance(own[-1], Refused) else 0
        answers.append(own)
    assert all(own == answers[0] for own in answers)
    assert [a.reason for a in answers[0] if isinstance(a, Refused)].count(Reason.WAIT) == 5


def test_while_pins_wait_the_right_one_waits_too_and_the_badge_works(
    gate: Gate, credentials: Credentials
) -> None:
    assert gate.mistype(credentials, "1001", 3) == WRONG
    gate.type(credentials, "1001", "0000")
    assert gate.type(credentials, "1001", "2718") == Refused(Reason.WAIT, 2)
    assert credentials.check(Badged(CODE), gate.now()) == BADGE
    gate.time_s += 2
    assert gate.type(credentials, "1001", "2718") == PIN


def test_a_right_pin_ends_the_person_s_row(gate: Gate, credentials: Credentials) -> None:
    gate.mistype(credentials, "1001", 5)
    assert gate.type(credentials, "1001", "2718") == PIN
    assert gate.mistype(credentials, "1001", 3) == WRONG


def test_a_prankster_at_many_numbers_holds_up_a_shift_for_a_minute_at_most(
    gate: Gate, credentials: Credentials
) -> None:
    for n in range(40):
        gate.mistype(credentials, f"47{n}", 1)
    answer = gate.type(credentials, "4799", "0000")
    assert answer == Refused(Reason.WRONG_PIN, 60)
    assert gate.type(credentials, "1001", "2718") == Refused(Reason.WAIT, 60)
    gate.time_s += 60
    assert gate.type(credentials, "1001", "2718") == PIN


def test_a_restart_gives_no_fresh_tries(gate: Gate) -> None:
    with open_stores(gate.settings) as stores:
        credentials = Credentials(stores, gate.hasher)
        assert gate.mistype(credentials, "1001", 6) == Refused(Reason.WRONG_PIN, 8)
    gate.time_s, gate.boot = 3.0, "boot 2"
    with open_stores(gate.settings) as stores:
        credentials = Credentials(stores, gate.hasher)
        assert gate.type(credentials, "1001", "2718") == Refused(Reason.WAIT, 5)
        gate.time_s = 8.0
        assert gate.type(credentials, "1001", "2718") == PIN


def test_who_is_blocked_hears_so_only_with_badge_or_pin(
    gate: Gate, stores: Stores, credentials: Credentials
) -> None:
    stores.register.block("1001", now())
    assert credentials.check(Badged(CODE), gate.now()) == Refused(Reason.BLOCKED)
    assert gate.type(credentials, "1001", "2718") == Refused(Reason.BLOCKED)
    assert gate.type(credentials, "1001", "0000") == WRONG


def test_who_left_has_neither_and_who_withdrew_has_both(
    gate: Gate, stores: Stores, credentials: Credentials
) -> None:
    stores.register.withdraw("1001", now())
    assert credentials.check(Badged(CODE), gate.now()) == BADGE
    assert gate.type(credentials, "1001", "2718") == PIN
    stores.register.leave("1001", now())
    assert credentials.check(Badged(CODE), gate.now()) == Refused(Reason.UNKNOWN_BADGE)
    assert gate.type(credentials, "1001", "2718") == WRONG


def test_a_hash_of_former_parameters_is_renewed_by_the_right_pin_alone(
    gate: Gate, stores: Stores
) -> None:
    stronger = PinHasher(Parameters(Type.ID, 19, 16, 32, 2, 64, 1))
    credentials = Credentials(stores, stronger)
    former = stores.credentials.pin_hash("1001")
    gate.type(credentials, "1001", "0000")
    assert stores.credentials.pin_hash("1001") == former
    assert gate.type(credentials, "1001", "2718") == PIN
    renewed = stores.credentials.pin_hash("1001")
    assert renewed is not None
    assert not stronger.outdated(renewed)
    assert gate.type(credentials, "1001", "2718") == PIN


def test_a_full_disk_keeps_nobody_out_and_gives_no_free_tries(
    gate: Gate, stores: Stores, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Database.execute

    def full(self: Database, sql: str, parameters: tuple[object, ...] = ()) -> int:
        if "attempts" in sql:
            raise DiskFullError("the disk is full; make room")
        return real(self, sql, parameters)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(Database, "execute", full)
    assert gate.mistype(credentials, "1001", 4) == Refused(Reason.WRONG_PIN, 2)
    assert gate.type(credentials, "1001", "2718") == PIN
    gate.mistype(credentials, "1001", 4)
    monkeypatch.setattr(Database, "execute", real)
    gate.mistype(credentials, "1001", 1)
    later = Credentials(stores, gate.hasher)
    assert gate.mistype(later, "1001", 1) == Refused(Reason.WRONG_PIN, 8)


def test_nothing_is_logged_of_what_was_typed(
    gate: Gate, credentials: Credentials, capfd: pytest.CaptureFixture[str]
) -> None:
    action = Typed("1001", "2718")
    credentials.check(action, gate.now())
    gate.mistype(credentials, "1001", 5)
    credentials.check(Badged(CODE), gate.now())
    out = "".join(capfd.readouterr()) + repr(action) + repr(credentials)
    assert not [word for word in ("1001", "2718", CODE) if word in out]


def test_a_terminal_of_before_badges_gets_their_key_where_keys_can_be_written(gate: Gate) -> None:
    key = gate.settings.store.keys / "badges.key"
    key.unlink()
    with open_stores(gate.settings) as stores:
        assert stores.credentials.foreign(stores.badge_key) == 1
        credentials = Credentials(stores, gate.hasher)
        assert credentials.check(Badged(CODE), now()) == Refused(Reason.UNKNOWN_BADGE)
        stores.register.set_badge("1001", stores.badge_key.badge(CODE), now())
        assert credentials.check(Badged(CODE), now()) == BADGE
    made = key.read_bytes()
    with open_stores(gate.settings) as stores:
        assert CredentialTables(stores.gallery_db).badges("1001") == 2
    assert key.read_bytes() == made
