"""`./scripts/fuzz`: the parsers in turn, a fraction of a second each, until the time is over."""

from __future__ import annotations

import base64
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from fuzzing import files, headquarters, terminal
from fuzzing.course import Parser, Tally, run, try_case

_TURN_S = 0.25
_WARM_UP = 0.1  # of the time: caches fill and databases are made
# Peak resident memory after warming up, over all parsers; a leak of ten bytes a case would be more.
MOST_GROWTH_MB = 64.0


def all_parsers(folder: Path) -> Mapping[str, Parser]:
    """Every parser by its name; `folder` is for what they keep on disk."""
    found = [*terminal.parsers(folder), *headquarters.parsers(), *files.parsers(folder)]
    return {parser.name: parser for parser in found}


@click.command()
@click.argument("names", nargs=-1, metavar="[PARSER]...")
@click.option("--minutes", default=1.0, show_default=True, help="In all, over all parsers.")
@click.option("--seed", default="1", show_default=True, help="The same seed makes the same cases.")
@click.option("--bytes", "case", help="Give the one PARSER this case (base64) and nothing else.")
def main(names: tuple[str, ...], minutes: float, seed: str, case: str | None) -> None:
    """Give random and mangled input to PARSERs (all without any) for some minutes."""
    # Every refusal is logged; that is tested elsewhere.
    logging.disable(logging.ERROR - 1)
    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="kiosk-fuzz-", dir=_memory_disk()) as folder:
        parsers = all_parsers(Path(folder))
        unknown = [name for name in names if name not in parsers]
        if unknown or (case is not None and len(names) != 1):
            raise click.UsageError(f"the parsers are {', '.join(parsers)}; --bytes needs one")
        if case is not None:
            _repeat(parsers[names[0]], base64.b64decode(case, validate=True))
            return
        chosen = [parsers[name] for name in names or parsers]
        tallies, growth_mb = course(chosen, seed, minutes * 60)
    _print(tallies, growth_mb)
    found = any(tally.findings for tally in tallies.values())
    sys.exit(1 if found or growth_mb > MOST_GROWTH_MB else 0)


def course(chosen: list[Parser], seed: str, seconds: float) -> tuple[dict[str, Tally], float]:
    """Run them in turn; their tallies, and by how many MB the peak of memory grew."""
    tallies = {parser.name: Tally() for parser in chosen}
    begun = time.monotonic()
    warm_mb = None
    while (now := time.monotonic()) < begun + seconds:
        if warm_mb is None and now > begun + _WARM_UP * seconds:
            warm_mb = _peak_mb()
        for parser in chosen:
            known = set(tallies[parser.name].findings)
            run(parser, seed, tallies[parser.name], _turn(min(_TURN_S, seconds / len(chosen))))
            for key, finding in tallies[parser.name].findings.items():
                if key not in known:
                    click.echo(str(finding), err=True)
    return tallies, _peak_mb() - (_peak_mb() if warm_mb is None else warm_mb)


def _turn(seconds: float) -> Callable[[Tally], bool]:
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() >= end


def _repeat(parser: Parser, case: bytes) -> None:
    tally = Tally(cases=1)
    finding = try_case(parser, case, tally)
    click.echo(finding or f"{parser.name}: {'read' if tally.accepted else 'refused'}")
    sys.exit(1 if finding else 0)


def _print(tallies: Mapping[str, Tally], growth_mb: float) -> None:
    click.echo(f"{'parser':<12} {'cases':>12} {'accepted':>12} {'slowest ms':>11} findings")
    for name, tally in tallies.items():
        slowest = f"{tally.slowest_s * 1e3:.1f}"
        counts = f"{tally.cases:>12,} {tally.accepted:>12,} {slowest:>11}"
        click.echo(f"{name:<12} {counts} {len(tally.findings):>8}")
    cases = sum(tally.cases for tally in tallies.values())
    click.echo(f"{cases:,} cases; peak memory {_peak_mb():.0f} MB, grown by {growth_mb:.0f} MB")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _memory_disk() -> str | None:
    """Where files cost nothing, if there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


if __name__ == "__main__":
    main()
