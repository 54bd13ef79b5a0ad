"""SIGKILL between any two steps of a command: afterwards it was done once, or it is done then.

A child process obeys one command and kills itself before its n-th step (a statement on either
database, an fsync, a rename); for every third n until it gets through, in the soak for every n.
Then the terminal starts again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.enrolment import enrol
from kiosk.orders import obey
from kiosk.overrides import Overrides, State
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from tests.killing import die_before, is_killed
from tests.kiosk.made import LIMITS, MODEL, applicant, samples
from tests.kiosk.ordered import NOW, NUMBER, copied, kinds, ordered_terminal, post, replies


def obey_until_killed(settings: Settings, steps: int) -> bool:
    """Obey in a child that lives for so many steps; whether it got through."""

    def work() -> None:
        with open_stores(settings) as stores:
            die_before(steps)
            obey(stores, Station(settings, Overrides(settings)), NOW)

    return not is_killed(work)


def erased(_: Settings, stores: Stores) -> None:
    assert stores.gallery.person(NUMBER) is None
    assert kinds(stores).count("deletion") == 1


def withdrawn(_: Settings, stores: Stores) -> None:
    assert stores.templates.active(MODEL)[0] == []
    assert kinds(stores).count("withdrawal") == kinds(stores).count("deletion") == 1


def added(_: Settings, stores: Stores) -> None:
    person = stores.gallery.person("new")
    assert person is not None
    assert person.status == "blocked"
    assert kinds(stores).count("person_entry") == kinds(stores).count("person_status") == 1


def configured(settings: Settings, stores: Stores) -> None:
    text = "[decision]\nmargin = 0.2"
    assert Overrides(settings).state == State(number=7, text=text, trial="waiting")
    [record] = [r for r in stores.ledger.records(0, 100) if r.kind == "configuration"]
    assert record.content().body["keys"] == ["decision.margin"]


def corrected(_: Settings, stores: Stores) -> None:
    assert kinds(stores)[-2:] == ["correction", "command_done"]
    assert kinds(stores).count("correction") == 1


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    ("type", "arguments", "detail", "holds"),
    [
        ("withdraw", {"number": NUMBER}, "2 templates deleted", withdrawn),
        ("configure", {"settings": "[decision]\nmargin = 0.2"}, "1 settings differ", configured),
        pytest.param(
            "erase", {"number": NUMBER}, "2 templates deleted", erased, marks=pytest.mark.soak
        ),
        pytest.param(
            "upsert_employee",
            {"number": "new", "name": "N", "status": "blocked"},
            "added",
            added,
            marks=pytest.mark.soak,
        ),
        pytest.param(
            "correct",
            {
                "person": NUMBER,
                "action": "added",
                "utc": "2026-11-24T05:00:00Z",
                "by": "7",
                "approved_by": "8",
                "why": "the gate was shut",
            },
            "correction",
            corrected,
            marks=pytest.mark.soak,
        ),
    ],
)
def test_a_command_is_done_once_wherever_the_process_is_killed(
    tmp_path: Path,
    type: str,
    arguments: dict[str, object],
    detail: str,
    holds: Callable[[Settings, Stores], None],
    every: int,
) -> None:
    first = ordered_terminal(tmp_path / "first")
    with open_stores(first) as stores:
        enrol(stores, MODEL, applicant(NUMBER), samples(1, 0, 1), LIMITS, NOW)
        post(stores, type, 7, arguments=arguments)
    steps, through = 0, False
    while not through:
        settings = copied(first, tmp_path / str(steps))
        through = obey_until_killed(settings, steps)
        with open_stores(settings) as stores:
            obey(stores, Station(settings, Overrides(settings)), NOW)
            assert kinds(stores).count("command_done") == 1, steps
            assert replies(stores) == [("done", detail)], steps
            assert stores.delivery.last_command_number() == 7
            assert stores.delivery.inbox(1) == []
            assert stores.ledger.verify(stores.signer.public_key()).seq == stores.ledger.head().seq
            holds(settings, stores)
        shutil.rmtree(settings.store.directory)
        steps += every
    assert steps > 15
