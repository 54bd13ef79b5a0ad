"""Part `line`: a line in constant trouble, and programs, brokers and databases that are lost on it.

`soaking.site` is what runs. Two acts of half the time each, made of turns: punches, a misfortune of
the terminal's or headquarters' line, now and then a killed program, or a broker that is killed with
or without what it had saved. Beside that,

- in the first act headquarters loses its database and has to get everything again;
- in the second the terminal's data folder is put back to an old copy and goes on under numbers that
  were used before. (Then headquarters must keep what it has: nobody else has it any more. For the
  same reason the folder is only put back once all was delivered.)

It fails when at the end the punches that headquarters counts are not those that were appended, each
once; when an alarm is raised that the second act does not explain; when a daemon ended by itself or
otherwise than with 0; when the ledger does not verify.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random

from soaking.course import Course, Outcome, mistakes_of
from soaking.misfortunes import LONG_MISFORTUNES, MISFORTUNES, Misfortune
from soaking.site import DAEMONS, Site

_SEED = 1
_DELIVERED_WITHIN_S = 180.0  # far more than it takes; a hang ends as a failure
_WORST = 6  # a turn in so many has something lost beside the line's trouble
# What an old copy explains: numbers that never come, and numbers that were used twice.
_EXPLAINED = frozenset({"skipped", "fork"})


def soak(course: Course) -> Outcome:
    """Run it for the course's seconds, then heal everything, wait for delivery and compare."""
    outcome, random, did = Outcome(), Random(_SEED), Counter[str]()
    with Site(course.folder, course.weights, random, mistakes_of(outcome)) as site:
        for name in DAEMONS:
            site.start(name)
        first = (site.lose_database, "headquarters lost its database")
        _act(site, random, course.seconds / 2, first, outcome, did)
        outcome.require(not site.alarms(), f"alarms before anything was lost: {site.alarms()}")
        site.keep_copy()
        second = (lambda: _put_back(site, outcome), "the terminal was put back")
        _act(site, random, course.seconds / 2, second, outcome, did)
        outcome.require(site.alarms() <= _EXPLAINED, f"alarms: {site.alarms()}")
        _compare(site, outcome)
        outcome.failures += site.stop()
    outcome.numbers.update(sorted(did.items()))
    return outcome


def _act(
    site: Site,
    random: Random,
    seconds: float,
    loss: tuple[Callable[[], None], str],
    outcome: Outcome,
    did: Counter[str],
) -> None:
    """Turns of trouble until the time is over, with this loss in it twice; delivered at the end."""
    begun = time.monotonic()
    losses = [begun + seconds * part for part in (0.3, 0.65)]
    while (now := time.monotonic()) < begun + seconds:
        site.punch(random.randrange(20, 120))
        _trouble(site, random, did)
        if losses and now > losses[0]:
            losses.pop(0)
            loss[0]()
            did[loss[1]] += 1
        _live(site, random.uniform(0.1, 2.0))
        for line in site.lines.values():
            if random.random() < 0.7:
                line.heal()
            line.seen.clear()  # nobody reads it here
        outcome.failures += site.ended()
    began = time.monotonic()
    if _deliver(site, outcome):
        most = max(float(str(outcome.numbers.get("longest delivery, s", 0))), _since(began))
        outcome.numbers["longest delivery, s"] = most


def _trouble(site: Site, random: Random, did: Counter[str]) -> None:
    choices: tuple[Misfortune, ...] = (*MISFORTUNES, *LONG_MISFORTUNES)
    misfortune = random.choice(choices)
    misfortune(site.lines[random.choice(("terminal", "terminal", "headquarters"))])
    did[f"line: {misfortune.__name__}"] += 1
    if random.randrange(_WORST) == 0:
        name = random.choice(DAEMONS)
        site.kill(name)
        did[f"killed: {name}"] += 1
    if random.randrange(_WORST) == 0:
        forget = random.random() < 0.5
        site.restart_broker(forget)
        did["broker restarted with nothing" if forget else "broker restarted"] += 1


def _put_back(site: Site, outcome: Outcome) -> None:
    if _deliver(site, outcome):
        site.put_back()


def _deliver(site: Site, outcome: Outcome) -> bool:
    """Heal the lines and wait until both sides agree."""
    for line in site.lines.values():
        line.heal()
    deadline = time.monotonic() + _DELIVERED_WITHIN_S
    while not site.agreed():
        if time.monotonic() > deadline:
            head = site.stores.ledger.head().seq
            outcome.failures.append(f"record {head} was not confirmed in {_DELIVERED_WITHIN_S} s")
            return False
        _live(site, 0.1)
    return True


def _live(site: Site, seconds: float) -> None:
    """kiosk goes on: it looks into its inbox ten times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        site.obey()
        time.sleep(0.1)


def _compare(site: Site, outcome: Outcome) -> None:
    counted = site.counted()
    outcome.require(len(counted) == len(set(counted)), "headquarters counts a punch twice")
    missing, strange = site.appended - set(counted), set(counted) - site.appended
    outcome.require(not missing, f"{len(missing)} punches are missing at headquarters")
    outcome.require(not strange, f"{len(strange)} punches at headquarters were never made")
    outcome.numbers["punches"] = len(site.appended)
    outcome.numbers["punches at headquarters"] = len(counted)
    outcome.numbers["number of the last record"] = site.verify()
    outcome.numbers["alarms"] = ", ".join(sorted(site.alarms())) or "none"


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)
