"""Serial readers over a pseudo-terminal, GPIO keypads and buttons on mock pins, and the panel."""

from __future__ import annotations

import os
import queue
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from pydantic import ValidationError

from kiosk.buttons import Buttons
from kiosk.errors import ReaderError
from kiosk.matrix import Debounce, Matrix
from kiosk.panel import Action, Badged, Chose, Typed, UndoAsked
from kiosk.readers import MOST, Readers, badge_taker, badge_wire, keypad_taker, open_panel
from kiosk.reading import Reading, Wire
from kiosk.serial_reader import open_serial
from kiosk.settings import (
    BadgeSection,
    ButtonsSection,
    IndicatorsSection,
    KeypadSection,
    Settings,
)
from kiosk.stores import open_stores
from kiosk.watch import SETTLE_S
from kiosk.watchman import Watchman
from store.machine import Health
from store.records import Fault, FaultCleared
from store.standing import standing_faults
from tests.kiosk.made import now, terminal

LONG_S = 20  # far past anything that is waited for here
PAD = KeypadSection(source="matrix")
MOCK = IndicatorsSection(pins="mock")


def waited_for(panel: Readers, count: int) -> list[Action]:
    """So many actions, from threads that give them at once."""
    ends = time.monotonic() + LONG_S
    got: list[Action] = []
    while len(got) < count:
        assert time.monotonic() < ends, f"only {len(got)} came"
        got += panel.actions()
        os.sched_yield()
    return got


class Port:
    """A serial reader at a pseudo-terminal."""

    def __init__(self, folder: Path) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = folder / "reader"
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)

    def type(self, text: bytes) -> None:
        """What the reader sends."""
        os.write(self.master, text)

    def unplug(self) -> None:
        """The port is gone."""
        self.path.unlink()
        os.close(self.master)


class Opening:
    """A reader that is opened again and again, and says so: what came before is not read."""

    def __init__(self, open_wire: Callable[[], Wire]) -> None:
        self._open = open_wire
        self.tried, self.opened = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self) -> Wire:
        self.tried.release()
        wire = self._open()
        self.opened.release()
        return wire


def test_a_serial_reader_s_codes_come_as_badges(tmp_path: Path) -> None:
    port = Port(tmp_path)
    badge = BadgeSection(source="serial", device=port.path)
    opening, panel = Opening(badge_wire(badge)), Readers()
    panel.add(Reading("badge", opening, badge_taker(panel.give, lambda: 0.0)))
    assert opening.opened.acquire(timeout=LONG_S)
    port.type(b"\x020009127734\r\n\x03\x0204a2")
    port.type(b"ff\r\n\x03")
    assert waited_for(panel, 2) == [Badged("0009127734"), Badged("04a2ff")]
    assert panel.identifies
    assert not panel.lost
    panel.close()
    assert panel.lost == ("badge",)


def test_a_serial_reader_is_had_alone_lost_and_had_again(tmp_path: Path) -> None:
    port = Port(tmp_path)
    typed: queue.Queue[str] = queue.Queue()
    opening = Opening(lambda: open_serial(port.path, 9600))
    reading = Reading("badge", opening, typed.put, retry_s=0.001)
    assert opening.opened.acquire(timeout=LONG_S)
    port.type(b"7")
    assert typed.get(timeout=LONG_S) == "7"
    with pytest.raises(OSError, match="lock"):
        open_serial(port.path, 9600)
    port.unplug()
    for _ in range(3):
        assert opening.tried.acquire(timeout=LONG_S)
    assert reading.lost
    port = Port(tmp_path)
    assert opening.opened.acquire(timeout=LONG_S)
    port.type(b"\xff8")
    assert [typed.get(timeout=LONG_S) for _ in range(2)] == ["\N{REPLACEMENT CHARACTER}", "8"]
    assert not reading.lost
    reading.close()


class WiredPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin that a pressed switch joins to others: it follows one that is driven low."""

    def _get_state(self) -> bool:
        joined, grown = {self}, True
        while grown:
            more = {b for a, b in self.factory.switches if a in joined}
            more |= {a for a, b in self.factory.switches if b in joined}
            grown, joined = not more <= joined, joined | more
        driven = [pin for pin in joined if pin.function == "output"]
        assert len(driven) < 2, "two driven pins are joined: a short circuit"
        return bool(driven[0]._state) if driven else bool(super()._get_state())


class Board(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """A keypad's switches between rows and columns."""

    def __init__(self) -> None:
        super().__init__(pin_class=WiredPin)
        self.switches: set[tuple[Any, Any]] = set()

    def hold(self, keys: str) -> None:
        """These keys are down, and no others."""
        places = [
            (row, column)
            for row, names in zip(PAD.rows, PAD.keys, strict=True)
            for column, name in zip(PAD.columns, names, strict=True)
            if name in keys
        ]
        self.switches = {(self.pin(row), self.pin(column)) for row, column in places}


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


def test_each_key_of_the_matrix_is_told_alone_and_in_every_pair(board: Board) -> None:
    matrix = Matrix(PAD.rows, PAD.columns, PAD.keys, board)
    keys = "".join(PAD.keys)
    assert matrix.down() == frozenset()
    for first in keys:
        for second in keys:
            board.hold(first + second)
            assert matrix.down() == {first, second}
    matrix.close()


def looks(debounce: Debounce, *downs: str) -> str:
    return "".join(key for down in downs for key in debounce.look(frozenset(down)))


def test_a_key_counts_once_however_its_contact_bounces() -> None:
    assert looks(Debounce(), "", "7", "", "7", "7", "7", "", "7", "7", "", "") == "7"
    assert looks(Debounce(), "7", "7", "", "", "7", "7") == "77"
    assert looks(Debounce(), "7", "", "", "8", "") == ""
    assert looks(Debounce(), "7", "78", "78", "8", "8") == "78"


def test_a_hand_on_the_keypad_presses_nothing(board: Board) -> None:
    """Three corners of a square show the fourth as well."""
    matrix = Matrix(PAD.rows, PAD.columns, PAD.keys, board)
    board.hold("124")
    assert matrix.down() == set("1245")
    debounce = Debounce()
    assert debounce.look(matrix.down()) == debounce.look(matrix.down()) == []
    matrix.close()


def test_number_and_pin_on_a_matrix_are_typed(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.matrix.SCAN_S", 0.0005)
    panel, scanned = Readers(), threading.Semaphore(0)

    class Scanned(Matrix):
        def down(self) -> frozenset[str]:
            found = super().down()
            scanned.release()
            return found

    taker = keypad_taker(15, panel.give, lambda: 0.0)
    panel.add(Reading("keypad", lambda: Scanned(PAD.rows, PAD.columns, PAD.keys, board), taker))
    for key in "1001#2718#":
        for down in (key, ""):
            board.hold(down)
            while scanned.acquire(blocking=False):
                pass
            for _ in range(4):
                assert scanned.acquire(timeout=LONG_S)
    assert waited_for(panel, 1) == [Typed("1001", "2718")]
    panel.close()


def test_buttons_are_one_action_a_press_and_give_their_pins_back() -> None:
    factory, done = MockFactory(), list[Action]()
    section = ButtonsSection(directions={"in": 5, "out": 6}, undo=13)
    buttons = Buttons(section, done.append, factory)
    for pin in (5, 6, 13):
        factory.pin(pin).drive_low()
        factory.pin(pin).drive_high()
        assert factory.pin(pin).bounce == 0.05
    assert done == [Chose("in"), Chose("out"), UndoAsked()]
    with pytest.raises(ReaderError, match="check \\[buttons\\]"):
        Buttons(ButtonsSection(undo=5), done.append, factory)
    buttons.close()
    Buttons(ButtonsSection(undo=5), done.append, factory).close()
    factory.close()


def test_a_terminal_without_readers_identifies_nobody(tmp_path: Path) -> None:
    panel = open_panel(terminal(tmp_path).model_copy(update={"indicators": MOCK}))
    assert not panel.identifies
    assert panel.lost == ()
    assert panel.actions() == []
    panel.close()


def test_a_reader_that_is_not_plugged_in_is_lost_and_holds_nobody_up(tmp_path: Path) -> None:
    settings = settings_with(
        tmp_path,
        indicators={"pins": "mock"},
        badge={"source": "serial", "device": tmp_path / "nothing"},
        keypad={"source": "matrix"},
        buttons={"directions": {"in": 2}},
    )
    panel = open_panel(settings, retry_s=LONG_S)
    ends = time.monotonic() + LONG_S
    while panel.lost != ("badge",):
        assert time.monotonic() < ends
        os.sched_yield()
    assert panel.identifies
    assert panel.actions() == []
    panel.close()
    assert set(panel.lost) == {"badge", "keypad"}
    assert not [t for t in threading.enumerate() if t.name.endswith("-reader")]


def test_what_nobody_takes_is_bounded() -> None:
    panel = Readers()
    for n in range(MOST + 50):
        panel.give(Badged(str(n)))
    assert len(panel.actions()) == MOST
    assert panel.actions() == []


def settings_with(folder: Path, **sections: object) -> Settings:
    given = terminal(folder).model_dump()
    return Settings.model_validate({**given, **sections})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"badge": {"source": "usb"}}, "device"),
        ({"keypad": {"source": "usb"}}, "device"),
        ({"keypad": {"source": "matrix", "keys": ("123", "456", "789", "*0")}}, "keys"),
        ({"keypad": {"source": "matrix", "keys": ("123", "456", "789", "*00")}}, "every digit"),
        ({"buttons": {"directions": {"in": 17}}}, "17.* used twice"),
        ({"buttons": {"directions": {"in": 5, "out": 5}}}, "5.* used twice"),
        ({"keypad": {"source": "matrix"}, "buttons": {"undo": 21}}, "21.* used twice"),
        ({"buttons": {"directions": {"sideways": 5}}}, "sideways"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    tmp_path: Path, sections: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=f"(?s){said}"):
        settings_with(tmp_path, **sections)


def test_a_keypad_that_is_not_configured_needs_no_pins(tmp_path: Path) -> None:
    assert settings_with(tmp_path, buttons={"directions": {"in": 5}, "undo": 21})


def test_a_lost_reader_is_one_fault_until_it_was_back_for_five_minutes(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    lost: Sequence[str] = ()
    with open_stores(settings) as stores:
        watchman = Watchman(settings, stores, Health, lambda: tuple(lost))

        def look(second: float) -> list[object]:
            before = stores.ledger.head().seq
            at = now().model_copy(update={"monotonic_ns": int(second * 1e9)})
            watchman.look(at)
            bodies = [r.content().known_body() for r in stores.ledger.records(before, 10)]
            return [body for body in bodies if isinstance(body, Fault | FaultCleared)]

        every = settings.status.watch_every_s
        assert look(0) == []
        lost = ("badge", "keypad")
        assert look(every) == [Fault(code="badge_reader_lost", detail="badge, keypad")]
        lost = ()
        assert look(2 * every) == []
        lost = ("badge",)
        assert look(3 * every) == []
        lost = ()
        assert look(4 * every) == []
        assert list(standing_faults(stores.ledger_db)) == ["badge_reader_lost"]
        assert look(4 * every + SETTLE_S) == [FaultCleared(code="badge_reader_lost")]
        (settings.store.keys / "badges.key").unlink()
        stores.gallery.add_person("1001", "A", "en", now())
        stores.register.set_badge("1001", stores.badge_key.badge("0009"), now())
    with open_stores(settings) as stores:
        at = now()
        Watchman(settings, stores, Health).look(at)
        assert list(standing_faults(stores.ledger_db)) == ["badges_of_another_key"]
