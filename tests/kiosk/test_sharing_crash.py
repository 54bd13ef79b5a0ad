"""SIGKILL between any two steps of giving or taking templates: afterwards it was done once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.documents import open_document
from tests.killing import die_before, is_killed
from tests.kiosk.gates import open_gate
from tests.kiosk.made import MODEL
from tests.kiosk.ordered import NOW, NUMBER, copied, kinds, post


def obey_once(settings: Settings, stores: Stores) -> None:
    obey(stores, Station(settings, Overrides(settings), {"embedder": MODEL}), NOW)


@pytest.mark.soak
@pytest.mark.parametrize("type", ["share", "template"])
def test_sharing_is_done_once_wherever_the_process_is_killed(tmp_path: Path, type: str) -> None:
    order = {"number": NUMBER, "change": 9, "heard": 0}
    with open_gate(tmp_path / "a", "gate-a") as a, open_gate(tmp_path / "b", "gate-b") as b:
        a.enrol(NUMBER, 1, 2)
        share: dict[str, Any] = {**order, "receiver": "gate-b", "key": b.key}
        sealed = a.order("share", **share)["sealed"]
        template: dict[str, Any] = {**order, "sender": "gate-a", "sealed": sealed}
        gate, arguments = (a, share) if type == "share" else (b, template)
        post(gate.stores, type, 7, terminal=gate.name, arguments=arguments)
        told, first = kinds(gate.stores), gate.settings
    steps, through = 0, False
    while not through:
        settings = copied(first, tmp_path / str(steps))

        def work(settings: Settings = settings, steps: int = steps) -> None:
            with open_stores(settings) as stores:
                die_before(steps)
                obey_once(settings, stores)

        through = not is_killed(work)
        with open_stores(settings) as stores:
            obey_once(settings, stores)
            new = kinds(stores)[len(told) :]
            record = "templates_given" if type == "share" else "templates_received"
            assert new.count(record) == new.count("command_done") == 1, steps
            reply = stores.delivery.replies(100)[-1].document
            body = open_document(stores.signer.public_key(), "reply", reply)
            assert body["outcome"] == "done", steps
            assert ("sealed" in body) == (type == "share"), steps
            standing = stores.sharing.standing(NUMBER)
            assert (standing.held, standing.came) == (9, type == "template"), steps
            assert len(stores.templates.entries(NUMBER)) == 2
        shutil.rmtree(settings.store.directory)
        steps += 1
    assert steps > 20
