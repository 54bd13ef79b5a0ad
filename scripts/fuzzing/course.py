"""A parser under fire, and the rule that it is held to.

- What comes out is a value or one of the parser's own typed errors.
- No case takes more than a second of the processor (`MOST_S`); one that takes ten is cut off.
- The same seed makes the same cases in the same order; a finding is also printed as base64, and
  `--bytes` gives that to the parser. A reader that keeps what it reads begins anew at each `renew`.
"""

from __future__ import annotations

import base64
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

MOST_S = 1.0
_CUT_OFF_S = 10.0


class CutOffError(BaseException):
    """A case took too long; no parser's own `except Exception` may swallow it."""


@dataclass(frozen=True, slots=True)
class Parser:
    """`make` makes a case, `read` reads it; it may raise `expected`, and nothing else.

    `renew` is called before every `each` cases, where the reader keeps what it reads.
    """

    name: str
    make: Callable[[Random], bytes]
    read: Callable[[bytes], object]
    expected: tuple[type[Exception], ...]
    renew: Callable[[], None] = lambda: None
    each: int = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """What went wrong with which case; `place` is the innermost frame, as FILE:LINE."""

    parser: str
    seed: str
    number: int
    case: bytes
    what: str
    place: str

    def __str__(self) -> str:
        case = base64.b64encode(self.case).decode("ascii")
        where = f"--seed {self.seed}, case {self.number}, {self.place}"
        return f"{self.parser}: {self.what} ({where})\n  {case}"


@dataclass(slots=True)
class Tally:
    """What one parser has been through: cases, how many it read without an error, the slowest."""

    cases: int = 0
    accepted: int = 0
    slowest_s: float = 0.0
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)


def run(parser: Parser, seed: str, tally: Tally, until: Callable[[Tally], bool]) -> None:
    """Go on with the parser's cases until told; findings of one kind and place are kept once."""
    with _cutting_off():
        while not until(tally):
            if tally.cases % parser.each == 0:
                parser.renew()
            case = parser.make(Random(f"{seed}/{parser.name}/{tally.cases}"))
            tally.cases += 1
            found = try_case(parser, case, tally, seed)
            if found is not None:
                tally.findings.setdefault((found.what, found.place), found)
                parser.renew()


def try_case(parser: Parser, case: bytes, tally: Tally, seed: str = "-") -> Finding | None:
    """Let the parser read one case."""
    what = place = ""
    begun = time.thread_time()
    signal.setitimer(signal.ITIMER_PROF, _CUT_OFF_S)
    try:
        parser.read(case)
        tally.accepted += 1
    except parser.expected:
        pass
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # that is the question
        last = traceback.extract_tb(error.__traceback__)[-1]
        what, place = type(error).__name__, f"{Path(last.filename).name}:{last.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    taken = time.thread_time() - begun
    tally.slowest_s = max(tally.slowest_s, taken)
    if not what and taken > MOST_S:
        what = "took more than a second"
    return Finding(parser.name, seed, tally.cases - 1, case, what, place) if what else None


@contextmanager
def _cutting_off() -> Iterator[None]:
    def cut_off(_number: int, _frame: FrameType | None) -> None:
        raise CutOffError

    before = signal.signal(signal.SIGPROF, cut_off)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)
