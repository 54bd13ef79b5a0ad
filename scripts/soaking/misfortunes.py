"""What may befall a line, by name: each is done to a `Proxy`, and `Proxy.heal` ends it."""

from __future__ import annotations

from collections.abc import Callable

from soaking.proxy import Proxy

Misfortune = Callable[[Proxy], None]


def delay(line: Proxy) -> None:
    """Each piece waits up to 0.2 s."""
    line.delay_s = 0.2


def cut_in_a_packet(line: Proxy) -> None:
    """Both ends are reset after 3 kB more."""
    line.cut_after = 3000


def double(line: Proxy) -> None:
    """The next piece comes twice."""
    line.double_next = True


def stall(line: Proxy) -> None:
    """Nothing moves."""
    line.stall = True


def drop(line: Proxy) -> None:
    """Every connection is reset, and new ones too."""
    line.refuse = True
    line.cut()


def slow(line: Proxy) -> None:
    """20 kB a second."""
    line.bytes_per_s = 20_000


def crawl(line: Proxy) -> None:
    """1 kB a second, as a bad radio link has."""
    line.bytes_per_s = 1000


def half_open(line: Proxy) -> None:
    """What is connected hears nothing any more and is not told."""
    line.half_open()


# What passes within seconds; `crawl` and `half_open` take longer to be noticed.
MISFORTUNES: tuple[Misfortune, ...] = (delay, cut_in_a_packet, double, stall, drop, slow)
LONG_MISFORTUNES: tuple[Misfortune, ...] = (crawl, half_open)
