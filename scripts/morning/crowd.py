"""A morning of many at one door: the real programs, a script from a seed, and the check of it all.

`scripts/demo --morning`. Faces walk up in rendered films; the others hold badges and type PINs.
Meanwhile the broker is away, the sync process and the terminal are killed. What cannot be had here:
a live camera that is unplugged (a film has no cable), and a full disk.
"""

from __future__ import annotations

import hashlib
import queue
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2

from kiosk.clock import SystemClock
from kiosk.settings import load
from kiosk.stores import open_stores
from morning import deeds
from morning.audit import failures, kept, summary
from morning.broker import free_port
from morning.cast import Person
from morning.director import Director
from morning.hands import BadgeReader, Page
from morning.lens import Lens, jpegs
from morning.roster import Employee, roster
from morning.stage import Line, Stage, StageError
from morning.walkup import Walk, walk_up
from store.pins import PinHasher
from store.register import Agreement

_ENDS_WITHIN_S = 60.0  # of a film that is over; a hang ends as a failure
Say = Callable[[str], None]
_FORMER = Agreement(
    "2020-01-01", hashlib.sha256(b"the former notice").hexdigest(), "an earlier text"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a morning came to: lines for a person, and what is wrong; nothing when all is well."""

    lines: list[str]
    failures: list[str]


def play(
    folder: Path, weights: Path, cast: Sequence[Person], people: int, seed: int, say: Say = print
) -> Outcome:
    """Play it with the faces of `cast`: those with a number are enrolled, one other is a stranger.

    Raises `StageError` when a program fails, `StuckError` when somebody gets no or a wrong answer.
    """
    known = [person for person in cast if person.number]
    stranger = next(person for person in cast if not person.number)
    come = roster(people, [person.name for person in known], seed)
    lens, reader = Lens(folder / "door.mjpeg"), BadgeReader()
    said: queue.SimpleQueue[Line] = queue.SimpleQueue()
    port = free_port()
    with ExitStack() as stack:
        stack.callback(reader.close)
        stage = Stage(
            folder,
            weights,
            datetime.now(UTC),
            lens.table,
            "off",
            lambda name, line: said.put(line) if name == "kiosk" else None,
        )
        stack.callback(stage.close)
        stack.callback(lens.close)
        with stage.config.open("a", encoding="utf-8") as settings:
            settings.write(
                f"\n[screen]\nenabled = true\nport = {port}\n"
                f'\n[badge]\nsource = "serial"\ndevice = "{reader.device}"\n'
            )
        stage.prepare()
        say(f"enrolling {len(known)} faces; badges and PINs for {people} people")
        _enrol(stage, known, come, folder)
        notice = _enter(stage, come)
        reels = {
            name: jpegs(walk_up(person.walks[0], Walk(), seed + n))
            for n, person in enumerate([*known, stranger])
            for name in [person.name if person.number else deeds.STRANGER]
        }
        d = Director(stage, lens, Page(port), reader, said, notice, reels)
        lens.start()
        stage.broker.start()
        d.running |= {name: stage.start(name) for name in ("hq", "sync")}
        stage.follow(d.events.append, "hq", "events", "--json", "--follow")
        d.open()
        say("the door is open")
        _morning(d, come, random.Random(seed), say)
        lens.close()  # the film ends, and so the terminal
        if (code := d.running["kiosk"].process.wait(_ENDS_WITHIN_S)) != 0:
            raise StageError(f"kiosk run ended with {code}: {d.running['kiosk'].words[-3:]}")
        left = kept(d)
        wrong = failures(d, come, left)
        return Outcome(summary(d, come, left), wrong)


def _morning(d: Director, come: Sequence[Employee], rng: random.Random, say: Say) -> None:
    in_the_kill = [who for who in come if who.deed == "in the kill"]
    first = [who for who in come if who.deed != "in the kill"]
    rng.shuffle(first)
    quarter = len(first) // 4
    for n, who in enumerate(first):
        if n == quarter:
            say(f"{n} came; the broker is killed")
            d.stage.broker.kill()
        if n == 2 * quarter:
            say(f"{n} came; the broker is back, the sync process is killed with kill -9")
            d.stage.broker.start()
            d.running["sync"].process.kill()
            d.running["sync"].process.wait()
        if n == 2 * quarter + 2:
            d.running["sync"] = d.stage.start("sync")
        if n % 10 == 5:  # somebody from elsewhere, with a badge that nobody has
            d.forget()
            d.reader.hold(f"VISITOR{n}")
            d.answer("a visitor", "wrong badge or PIN")
        if who.deed == "at the kill":
            say(f"{n} came; the terminal is killed with kill -9")
            deeds.around_the_kill(d, who, in_the_kill.pop())
        else:
            deeds.do(d, who)
    say("all came once; disputes are raised, and headquarters decides")
    for step in (deeds.later, deeds.answers):
        for who in come:
            step(d, who)
    wanted = sum(who.deed in deeds.ASKING for who in come)
    d.at_hq(
        lambda: sum(event["kind"] == "answer" for event in list(d.events)) == wanted,
        f"{wanted} answers",
    )
    for who in come:
        deeds.reads_the_answer(d, who)


def _enrol(stage: Stage, known: Sequence[Person], come: Sequence[Employee], folder: Path) -> None:
    for person, who in zip(known, come, strict=False):
        paths = [folder / f"enrol-{n}.png" for n in range(len(person.enrol))]
        for path, photo in zip(paths, person.enrol, strict=True):
            cv2.imwrite(str(path), photo)
        words = ("--name", who.name, "--consent", "demo: spoken agreement", "--skip-unusable")
        stage.run("kiosk", "enrol", who.number, *words, *map(str, paths))
        for path in paths:
            path.unlink()


def _enter(stage: Stage, come: Sequence[Employee]) -> str:
    """Enter everybody with badge and PIN, as an import would; the notice's present version."""
    settings = load(stage.config)
    now, hasher = SystemClock(settings.terminal.zone).now, PinHasher()
    with open_stores(settings) as stores:
        for who in come:
            with stores.register.together():
                if who.deed in ("agrees", "refuses"):
                    stores.register.agree(who.number, _FORMER, now())
                stores.register.upsert(who.number, who.name, "en", "active", None, now())
                stores.register.set_badge(who.number, stores.badge_key.badge(who.badge), now())
                if who.pin:
                    stores.register.set_pin(who.number, hasher.hash(who.pin), now())
        return stores.notices.version
