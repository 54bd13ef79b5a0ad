"""Has the people of a morning do what the script says, and notes what each is told.

- Each deed waits for the terminal's answer, the signal that the log tells, for a bounded number of
  camera frames. Whoever gets no answer within them, or another one than the script's, is stuck:
  `StuckError`, and the morning has failed.
- `script` is what the ledger must have, in this order: number and deed in the words of
  `morning.audit.words_of`. It grows when the answer has come, never before.
"""

from __future__ import annotations

import queue
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from morning.hands import BadgeReader, Page
from morning.lens import Lens
from morning.roster import Employee
from morning.stage import Line, Running, Stage, StageError

# Frames of the lens, 25 a second of the door's time. By hand: two seconds in which a face is
# compared, and what the pipe holds; a PIN's hash stops the frames. By face: the walk-up, six
# seconds of patience, and three until the next try.
HAND, FACE = 120, 400
GONE = 45  # until nobody is there any more: 0.8 s out of sight, and the pipe
_START = 1000  # OpenCV looks at a film twice, at some hundred frames, before it gives the first
_READY = 40  # after a start: the reader's thread has opened the device long before
_DELIVERED_WITHIN_S = 120.0  # far more than it takes; what does not come at all ends as a failure
_SILENT_S = 90.0  # no frame taken for so long: the terminal hangs
_PASSING = {"idle", "seen", "try again", "chosen", "turn your head left", "turn your head right"}
_ABOUT = re.compile(r"dispute\?day=([0-9-]+)&(?:amp;)?about=([^\"&]+)")


class StuckError(StageError):
    """Somebody got no answer, or the wrong one."""


@dataclass
class Director:
    """The terminal, its camera, page and reader; `said` has the terminal's log lines."""

    stage: Stage
    lens: Lens
    page: Page
    reader: BadgeReader
    said: queue.SimpleQueue[Line]
    notice: str
    reels: Mapping[str, Sequence[bytes]]
    running: dict[str, Running] = field(default_factory=dict)
    script: list[tuple[str, str]] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    waited: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, list[str]] = field(default_factory=dict)  # directions, by number
    events: list[Line] = field(default_factory=list)  # headquarters', as they are confirmed
    decided: dict[str, datetime] = field(default_factory=dict)  # a punch's time by HQ, by number

    # -- waiting ------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the terminal and wait until people can come."""
        self.running["kiosk"] = self.stage.start("kiosk")
        self.lens.hurried = True
        self.event("ready", _START)
        self.lens.hurried = False
        self.pause(_READY)
        self.page.load()

    def event(self, name: str, within: int) -> Line:
        """The next log line of that event."""
        return self._line(lambda line: line.get("event") == name, name, within)

    def answer(self, who: str, *wanted: str, within: int = HAND) -> str:
        """The next signal that is an answer; raises `StuckError` when it is none of `wanted`."""
        line = self._line(
            lambda line: (
                line.get("event") == "signal"
                and (line["signal"] in wanted or line["signal"] not in _PASSING)
            ),
            f"{who}: {' or '.join(wanted)}",
            within,
        )
        self.told[line["signal"]] += 1
        if line["signal"] not in wanted:
            raise StuckError(f"{who} was told {line['signal']!r} ({line['hint']}), not {wanted}")
        return str(line["signal"])

    def pause(self, frames: int) -> None:
        """Let so many frames pass."""
        until = self.lens.frames + frames
        self.until(lambda: self.lens.frames >= until, "a frame", frames + HAND)

    def until(self, there: Callable[[], bool], what: str, frames: int) -> None:
        """Wait until something is there."""
        last = self.lens.frames + frames
        while not there():
            self._still_alive()
            if self.lens.frames > last:
                raise StuckError(f"{what} did not come within {frames} frames")
            time.sleep(0.005)

    def shows(self, text: str, what: str) -> None:
        """Wait until the page has shown this since the deed began."""
        self.until(lambda: any(text in view for view in list(self.page.shown)), what, HAND)

    def forget(self) -> None:
        """What was said and shown until now is nobody's answer any more."""
        self.page.shown.clear()
        while not self.said.empty():
            self.said.get()

    def _line(self, fits: Callable[[Line], bool], what: str, within: int) -> Line:
        first, seen, at = self.lens.frames, self.lens.frames, time.monotonic()
        while True:
            try:
                line = self.said.get(timeout=0.02)
            except queue.Empty:
                self._still_alive()
                if self.lens.frames - first > within:
                    raise StuckError(f"{what}: no answer within {within} frames") from None
                if self.lens.frames > seen:
                    seen, at = self.lens.frames, time.monotonic()
                elif time.monotonic() - at > _SILENT_S:
                    raise StuckError(f"{what}: the terminal takes no frames") from None
                continue
            if fits(line):
                return line

    def _still_alive(self) -> None:
        process = self.running["kiosk"].process
        if process.poll() is not None:
            words = self.running["kiosk"].words[-3:]
            raise StageError(f"kiosk run ended with {process.returncode}: {words}")

    # -- one person's deeds -------------------------------------------------------------------

    def badge(self, who: Employee, *wanted: str) -> str:
        """Hold the badge before the reader."""
        return self._by_hand(who, "badge", wanted, lambda: self.reader.hold(who.badge))

    def type(self, who: Employee, pin: str, *wanted: str) -> str:
        """Type the number and a PIN on the screen."""
        act = self.page.act
        return self._by_hand(who, "pin", wanted, lambda: act("typed", number=who.number, pin=pin))

    def punch(self, who: Employee, direction: str = "in") -> None:
        """Badge, or PIN for who has one; it must be green, with the name on the screen."""
        method = "pin" if who.pin else "badge"
        if who.pin:
            self.type(who, who.pin, "accepted")
        else:
            self.badge(who, "accepted")
        self.punched(who, direction, method)

    def punched(self, who: Employee, direction: str, method: str) -> None:
        """The script has a punch more, and the screen shows whose it is."""
        self.note(who, f"punch {direction} {method}")
        self.counts.setdefault(who.number, []).append(direction)
        self.shows(f"<bdi>{who.name}</bdi>", f"the name of {who.number} ({who.deed})")

    def walk_up(self, who: Employee, *wanted: str) -> str:
        """Walk up to the camera, and stay."""
        self.forget()
        first = self.lens.frames
        self.lens.show(self.reels[who.name])
        told = self.answer(who.number, *wanted, within=FACE)
        self.waited.setdefault("face", []).append(self.lens.frames - first)
        return told

    def walk_away(self) -> None:
        """Leave; nobody is there any more afterwards."""
        self.lens.leave()
        self.pause(GONE)

    def note(self, who: Employee, what: str) -> None:
        """The ledger must have this, next."""
        self.script.append((who.number, what))

    def _by_hand(
        self, who: Employee, method: str, wanted: Sequence[str], act: Callable[[], None]
    ) -> str:
        self.forget()
        first = self.lens.frames
        act()
        told = self.answer(who.number, *wanted)
        kind = "no consent" if who.deed == "declines" else method
        self.waited.setdefault(kind, []).append(self.lens.frames - first)
        return told

    # -- the own records ----------------------------------------------------------------------

    def open_records(self, who: Employee) -> str:
        """Identify for the own records; the page of today."""
        self.forget()
        self.page.act("wanted", intent="records")
        self.answer(who.number, "chosen")
        self.type(who, who.pin, "your records")
        return self.page.panel("day")

    def close_records(self) -> None:
        """Done reading."""
        self.page.act("closed")
        self.event("closed", HAND)

    def dispute(self, who: Employee, claim: str, reason: str) -> None:
        """Say that today's only punch is wrong."""
        found = _ABOUT.findall(self.open_records(who))
        if len(found) != 1:
            raise StuckError(f"{who.number} sees {len(found)} punches of today, has 1")
        day, about = found[0]
        said = self.page.request("dispute", day=day, about=about, claim=claim, reason=reason)
        if reason not in said:
            raise StuckError(f"{who.number}: the dispute is not shown back")
        self.note(who, f"dispute {claim}")
        self.close_records()

    # -- headquarters -------------------------------------------------------------------------

    def decide(self, who: Employee, kind: str, outcome: str, why: str) -> None:
        """Headquarters answers the person's question of that kind, by two people."""
        asked = self.at_hq(lambda: self._of(who, kind), f"the {kind} of {who.number}")
        words = ["--by", "7", "--why", why]
        if outcome == "approve":
            words += ["--approved-by", "8"]
            if kind == "dispute":
                said = str(self._of(who, "punch")["data"]["time"]["utc"])
                at = datetime.fromisoformat(said) - timedelta(minutes=5)
                words += ["--utc", at.isoformat()]
                self.decided[who.number] = at
        self.stage.run("hq", "answer", asked["id"], outcome, *words)

    def at_hq(self, look: Callable[[], Any], what: str) -> Any:
        """What headquarters has, as soon as it has it."""
        deadline = time.monotonic() + _DELIVERED_WITHIN_S
        while not (found := look()):
            if time.monotonic() > deadline:
                raise StuckError(f"{what} has not come to headquarters")
            time.sleep(0.05)
        return found

    def _of(self, who: Employee, kind: str) -> Any:
        of = [e for e in list(self.events) if e["kind"] == kind]
        return next((e for e in of if e["data"]["body"]["person"] == who.number), None)
