"""Part `stores`: both daemons, the command line, appenders and readers on the same two databases.

mosquitto, `kiosk-hq run`, `kiosk-sync run` and `kiosk run` with people at its door, the commands of
the terminal one after the other, and two processes of threads (`soaking.load`). It fails when

- anything met an error of the store: `database is locked` reaches no caller;
- a daemon put something off, or ended otherwise than with 0;
- headquarters has another ledger than the terminal, or an alarm;
- a database has damage.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.settings import load
from kiosk.stores import Stores, open_stores
from morning.cast import Person
from morning.doorway import enrol, enrol_as, pictures_of
from morning.stage import Line, Stage, StageError
from soaking.course import Course, Outcome
from store.ledger import Record

_QUICK = "\n[decision]\ngone_s = 0.1\nshow_s = 0.2\nrepeat_s = 0\n"
_WORKERS = (("append=2", "read=2", "verify=1"), ("append=2", "read=3", "linger=2"))
_PUT_OFF = frozenset({"not_recorded", "chores_put_off", "upkeep_put_off", "database_trouble"})
_VISITOR = "2001"  # comes and goes: enrolled and removed again and again
_DELIVERED_WITHIN_S = 300.0  # far more than it takes; a hang ends as a failure


def soak(course: Course) -> Outcome:
    """Run it for the course's seconds, then wait for delivery and compare."""
    outcome = Outcome()
    known = [person for person in course.cast if person.number]
    visitor = next(person for person in course.cast if not person.number)
    pictures_of(known, course.folder / "door", frames=5, gap=3)

    def hear(program: str, line: Line) -> None:
        if line.get("event") in _PUT_OFF or "locked" in str(line):
            outcome.failures.append(f"{program} said {line}")

    camera: dict[str, str | int | float] = {
        "source": "pictures",
        "path": str(course.folder / "door"),
        "fps": 10,
        "pace": "every-frame",
        "at_end": "repeat",
    }
    terminal = course.folder / "terminal"
    stage = Stage(terminal, course.weights, datetime.now(UTC), camera, "off", hear)
    with ExitStack() as stack:
        stack.callback(stage.close)
        with stage.config.open("a", encoding="utf-8") as settings:
            settings.write(_QUICK)
        stage.prepare()
        enrol(stage, known, course.folder)
        stage.broker.start()
        daemons = [stage.start(name) for name in ("hq", "sync", "kiosk")]
        commands = _under_load(stage, course, visitor, outcome)
        outcome.require(daemons[2].stop() == 0, f"kiosk run: {daemons[2].words[-1:]}")
        with open_stores(load(stage.config)) as stores:
            _compare(stage, stores, outcome)
        for daemon in daemons[:2]:
            outcome.require(daemon.stop() == 0, f"{daemon.name} run: {daemon.words[-1:]}")
    outcome.numbers["commands"] = sum(commands.values())
    outcome.require(sum(commands.values()) > 0, "no command came to its end")
    return outcome


def _under_load(stage: Stage, course: Course, visitor: Person, outcome: Outcome) -> Counter[str]:
    """All at work at once; what the command line did, by command."""
    workers = [_start(stage.config, course.seconds, words) for words in _WORKERS]
    stop, commands = threading.Event(), Counter[str]()
    words = (stage, visitor, course.folder, stop, commands, outcome)
    operator = threading.Thread(target=_operate, args=words)
    for worker in workers:
        _begin(worker)
    operator.start()
    found = [_end(worker, outcome) for worker in workers]
    stop.set()
    operator.join()
    _tell_load(found, outcome)
    return commands


def _start(config: Path, seconds: float, words: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "soaking.load", str(config), str(seconds), *words],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _begin(worker: subprocess.Popen[str]) -> None:
    if worker.stdin is None or worker.stdout is None:
        raise ValueError("a worker is started with pipes")
    worker.stdout.readline()
    worker.stdin.write("go\n")
    worker.stdin.flush()


def _end(worker: subprocess.Popen[str], outcome: Outcome) -> dict[str, Any]:
    out, _ = worker.communicate()
    outcome.require(worker.returncode == 0, f"a worker ended with {worker.returncode}")
    found: dict[str, Any] = json.loads(out or "{}")
    return found


def _operate(
    stage: Stage,
    visitor: Person,
    folder: Path,
    stop: threading.Event,
    commands: Counter[str],
    outcome: Outcome,
) -> None:
    """One command after the other, each a process, until told to stop."""
    for words in itertools.cycle(_commands()):
        if stop.is_set():
            return
        try:
            if words[0] == "enrol":
                enrol_as(stage, visitor, _VISITOR, folder)
            else:
                stage.run("kiosk", *words)
            commands[words[0]] += 1
        except StageError as error:
            outcome.failures.append(str(error))


def _commands() -> Iterator[tuple[str, ...]]:
    yield "people", "block", "1002"
    yield ("punches",)
    yield "ledger", "verify"
    yield "people", "unblock", "1002"
    yield "retention", "--dry-run"
    yield ("enrol",)
    yield "people", "remove", _VISITOR
    yield "people", "list"
    yield "templates", "reissue"


def _tell_load(found: list[dict[str, Any]], outcome: Outcome) -> None:
    done, errors = Counter[str](), Counter[str]()
    for one in found:
        done.update(one.get("done", {}))
        errors.update(one.get("errors", {}))
    outcome.numbers.update(done)
    outcome.numbers["errors of the store"] = sum(errors.values())
    outcome.require(not errors, f"errors of the store: {dict(errors)}")
    quiet = [ms for one in found for ms in one.get("quiet_ms", [])]
    beside = [ms for one in found for ms in one.get("beside_readers_ms", [])]
    outcome.require(bool(quiet) and bool(beside), "nothing was appended")
    for name, taken in (("append", quiet + beside), ("quiet", quiet), ("beside readers", beside)):
        if taken:
            p50, p99, most = np.percentile(taken, (50, 99, 100))
            outcome.numbers[f"{name}, ms"] = f"p50 {p50:.1f}, p99 {p99:.1f}, most {most:.1f}"
    if quiet and beside:
        ratio = float(np.median(beside) / np.median(quiet))
        outcome.numbers["p50 beside long readers over p50 without"] = round(ratio, 2)


def _compare(stage: Stage, stores: Stores, outcome: Outcome) -> None:
    """Headquarters must have the ledger, record for record, once it was delivered."""
    head = stores.ledger.head()
    deadline = time.monotonic() + _DELIVERED_WITHIN_S
    confirmed = "SELECT seq FROM receipt"
    while (stores.ledger_db.one(confirmed, (), int) or 0) < head.seq:
        if time.monotonic() > deadline:
            outcome.failures.append(f"headquarters did not confirm record {head.seq}")
            return
        time.sleep(0.1)
    records: list[Record] = []
    while page := stores.ledger.records(len(records), 1000):
        records += page
    events = stage.ask("hq", "events")
    wanted = [(r.seq, r.id, r.kind, r.hash.hex()) for r in records]
    got = [(e["seq"], e["id"], e["kind"], e["hash"]) for e in events]
    outcome.require(got == wanted, "headquarters has another ledger than the terminal")
    outcome.require(stage.ask("hq", "alarms") == [], "headquarters raised an alarm")
    verified = stores.ledger.verify(stores.signer.public_key())
    outcome.require(verified.seq == head.seq, "the ledger does not verify to its head")
    for database in (stores.ledger_db, stores.gallery_db):
        outcome.require(not database.damage(), f"{database.path.name} has damage")
    outcome.numbers["punches of the door"] = sum(r.kind == "punch" for r in records)
    outcome.numbers["records in the ledger"] = len(records)
    outcome.numbers["records at headquarters"] = len(events)
