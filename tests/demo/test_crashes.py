"""kill -9 of every process at random moments; headquarters ends up equal to the ledger."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from morning.cast import Person
from morning.doorway import enrol, pictures_of
from morning.stage import SITE, TERMINAL, Running, Stage
from store.database import open_database
from store.keys import load_database_key
from store.ledger import Ledger, Record
from store.settings import Terminal

from .conftest import MakeStage

WITHIN_S = 240.0  # far more than it takes; a hang ends as a failure instead of never
QUICK = """
[decision]
gone_s = 0.1
show_s = 0.2
repeat_s = 0
"""


def punches_in(ledger: Ledger, after: int) -> tuple[int, int]:
    """How many punches follow `after`, and the last seq."""
    found = 0
    while page := ledger.records(after, 1000):
        found += sum(record.kind == "punch" for record in page)
        after = page[-1].seq
    return found, after


def kill(stage: Stage, victim: str, running: dict[str, Running]) -> None:
    if victim == "mosquitto":
        stage.broker.kill()
        stage.broker.start()
        return
    running[victim].process.kill()
    running[victim].process.wait()
    running[victim] = stage.start(victim)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("punches", "kills_each"), [(24, 1), pytest.param(200, 3, marks=pytest.mark.soak)]
)
def test_punches_survive_the_death_of_every_process(
    make_stage: MakeStage, cast: list[Person], tmp_path: Path, punches: int, kills_each: int
) -> None:
    known = [person for person in cast if person.number]
    pictures_of(known, tmp_path / "door", frames=5, gap=3)
    stage = make_stage(
        {
            "source": "pictures",
            "path": str(tmp_path / "door"),
            "fps": 10,
            "pace": "every-frame",
            "at_end": "repeat",
        },
        QUICK,
    )
    enrol(stage, known, tmp_path)
    stage.broker.start()
    running = {name: stage.start(name) for name in ("hq", "sync", "kiosk")}

    rng = random.Random(20261124)
    victims = ["mosquitto", "sync", "hq", "kiosk"] * kills_each
    rng.shuffle(victims)
    moments = sorted(rng.sample(range(5, punches - 5), len(victims)))
    plan = list(zip(moments, victims, strict=True))

    key = load_database_key(tmp_path / "keys", "ledger")
    database = open_database(tmp_path / "data" / "ledger.db", key, create=False)
    try:
        terminal = Terminal(site=SITE, name=TERMINAL, zone="Europe/Berlin")
        ledger = Ledger(database, terminal, None)
        deadline = time.monotonic() + WITHIN_S
        made = seq = 0
        while made < punches:
            assert time.monotonic() < deadline, f"{made} punches, then nothing more"
            more, seq = punches_in(ledger, seq)
            made += more
            while plan and plan[0][0] <= made:
                kill(stage, plan.pop(0)[1], running)
            time.sleep(0.01)
        assert plan == []
        assert running["kiosk"].stop() == 0
        head = ledger.head()
        records: list[Record] = []
        while page := ledger.records(len(records), 1000):
            records += page
    finally:
        database.close()

    wanted = [(r.seq, r.id, r.kind, r.hash.hex()) for r in records]
    got: list[tuple[int, str, str, str]] = []
    while len(got) < head.seq:
        assert time.monotonic() < deadline, f"headquarters has {len(got)} of {head.seq} records"
        got = [(e["seq"], e["id"], e["kind"], e["hash"]) for e in stage.ask("hq", "events")]
        time.sleep(0.2)
    assert got == wanted
    assert stage.ask("hq", "alarms") == []
    assert stage.ask("kiosk", "ledger", "verify")["records"] == head.seq
    assert running["sync"].stop() == 0
    assert running["hq"].stop() == 0
