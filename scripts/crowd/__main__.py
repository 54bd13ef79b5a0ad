"""`./scripts/fleet`: N simulated terminals, a stock mosquitto, W workers, one database.

Every terminal runs the real courier with real signatures over its own TLS connection, with its own
certificate; the workers are `kiosk-hq run`. The run ends when every terminal holds a receipt for
its last record, and then compares headquarters' database with the ledgers, hash by hash.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import click
import numpy as np

from crowd.cpu import cpu_s
from crowd.link import Loop
from crowd.office import Office
from crowd.terminal import Terminal
from hq.reports import Reader, alarm_lines, terminal_lines
from hq.terminals import add_terminal
from store.keys import load_public_key
from sync.contract.topics import Address
from sync.tls import Broker

_PER_SITE = 50
_STACK_BYTES = 512 * 1024  # a thread a terminal: a thousand of them must not cost 8 GB of address
# The loop's thread gives the interpreter away with every system call; it must not wait 5 ms each.
_SWITCH_S = 0.0005
_NEWS_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to. Seconds, and CPU seconds by part."""

    connected_s: float
    took_s: float
    latencies_s: list[float]
    cpu: dict[str, float]
    resent: int
    broken: list[str]


@click.command()
@click.option("--terminals", default=1000, show_default=True, type=click.IntRange(1, 5000))
@click.option("--punches", default=20, show_default=True, help="Of each terminal.")
@click.option(
    "--over", default=60.0, show_default=True, help="Seconds in which they happen; 0: all at once."
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 16))
@click.option(
    "--database",
    default="postgresql",
    show_default=True,
    type=click.Choice(["postgresql", "sqlite"]),
)
@click.option(
    "--within", default=600.0, show_default=True, help="Seconds after which it is a failure."
)
@click.option("--seed", default=1, show_default=True)
def fleet(
    terminals: int,
    punches: int,
    over: float,
    workers: int,
    database: str,
    within: float,
    seed: int,
) -> None:
    """Measure headquarters with many terminals; exit code 1 when anything is missing or wrong."""
    threading.stack_size(_STACK_BYTES)
    sys.setswitchinterval(_SWITCH_S)
    click.echo(
        f"{terminals} terminals x {punches} punches "
        + (f"over {over:g} s" if over else "at once")
        + f", {workers} workers, {database}; {os.cpu_count()} cores {platform.machine()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before"
    )
    with tempfile.TemporaryDirectory(prefix="kiosk-fleet-") as folder:
        now = datetime.now(UTC)
        with Office(Path(folder), now, database, workers) as office:
            crowd = _make(office, terminals, now)
            run = _live(office, crowd, punches, over, within, Random(seed))
            wrong = _compare(office, crowd) + [
                f"{name}: its connection broke" for name in run.broken
            ]
            _tell(run, terminals * punches)
    for line in wrong:
        click.echo(f"WRONG: {line}", err=True)
    if wrong:
        sys.exit(1)
    click.echo("headquarters equals the ledgers: count, heads and every hash; no alarm")


def _make(office: Office, count: int, now: datetime) -> list[Terminal]:
    hq_key = load_public_key(office.public_key)
    made = []
    for number in range(count):
        address = Address(f"plant-{number // _PER_SITE + 1}", f"gate-{number % _PER_SITE + 1}")
        tls = office.authority.client(str(address), now)
        broker = Broker(
            host="127.0.0.1",
            port=office.broker.port,
            ca=tls.ca,
            certificate=tls.certificate,
            key=tls.key,
            client_id=f"kiosk/{address}",
        )
        terminal = Terminal(broker, address, hq_key)
        add_terminal(office.database, address, terminal.ledger.public_key, now)
        made.append(terminal)
    return made


def _live(
    office: Office, crowd: list[Terminal], punches: int, over: float, within: float, random: Random
) -> Run:
    loop = Loop()
    loop.start()
    begun_s = time.monotonic()
    for terminal in crowd:
        terminal.link.open(loop)
    while not all(terminal.link.connection for terminal in crowd):
        time.sleep(0.05)
    connected_s = time.monotonic() - begun_s
    click.echo(f"connected in {connected_s:.1f} s")
    for terminal in crowd:
        terminal.start()
    _await_births(office, len(crowd), within)
    before = {**office.cpu(), "simulator": cpu_s(os.getpid())}
    schedule = sorted(
        (random.uniform(0, over), t) for t in range(len(crowd)) for _ in range(punches)
    )
    begun_s = time.monotonic()
    for at_s, number in schedule:
        time.sleep(max(0.0, begun_s + at_s - time.monotonic()))
        crowd[number].punch()
    news_at_s = time.monotonic() + _NEWS_EVERY_S
    while not all(terminal.done for terminal in crowd):
        if time.monotonic() > begun_s + within or any(t.link.broken for t in crowd):
            break
        if time.monotonic() > news_at_s:
            confirmed = sum(len(terminal.ledger.latencies_s) for terminal in crowd)
            click.echo(f"{confirmed} of {len(schedule)} confirmed")
            news_at_s += _NEWS_EVERY_S
        time.sleep(0.02)
    took_s = time.monotonic() - begun_s
    after = {**office.cpu(), "simulator": cpu_s(os.getpid())}
    broken = [str(terminal.address) for terminal in crowd if terminal.link.broken]
    for terminal in crowd:
        terminal.stop()
    loop.close()
    latencies_s = [value for terminal in crowd for value in terminal.ledger.latencies_s]
    return Run(
        connected_s=connected_s,
        took_s=took_s,
        latencies_s=latencies_s,
        cpu={part: after[part] - before[part] for part in before},
        resent=sum(terminal.ledger.records_again for terminal in crowd),
        broken=broken,
    )


def _await_births(office: Office, count: int, within: float) -> None:
    """Every terminal's first status is in the database: what follows is punches."""
    deadline = time.monotonic() + within
    while sum(line["status"] is not None for line in terminal_lines(office.database)) < count:
        if time.monotonic() > deadline:
            raise click.ClickException("not every terminal's first status arrived")
        time.sleep(0.5)


def _compare(office: Office, crowd: list[Terminal]) -> list[str]:
    """What is wrong with headquarters' database; nothing when it equals the ledgers."""
    arrived: dict[str, list[str]] = {str(terminal.address): [] for terminal in crowd}
    for line in Reader(office.database).read():
        arrived[f"{line['site']}/{line['terminal']}"].append(line["hash"])
    heads = {f"{x['site']}/{x['terminal']}": x["hash"] for x in terminal_lines(office.database)}
    wrong = []
    for terminal in crowd:
        name = str(terminal.address)
        if arrived[name] != [record.hash.hex() for record in terminal.ledger.rows]:
            wrong.append(f"{name}: {len(arrived[name])} of {len(terminal.ledger.rows)} records")
        if heads[name] != terminal.ledger.head().hash.hex():
            wrong.append(f"{name}: another head")
    alarms = Counter(line["what"] for line in alarm_lines(office.database))
    return wrong + [f"{count} alarms: {what}" for what, count in alarms.items()]


def _tell(run: Run, punches: int) -> None:
    p50, p95, p99 = np.percentile(run.latencies_s or [float("nan")], (50, 95, 99))
    click.echo(f"{len(run.latencies_s)} records confirmed in {run.took_s:.1f} s")
    click.echo(f"throughput          {len(run.latencies_s) / run.took_s:10.0f} records/s")
    click.echo(f"append to receipt   p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s")
    for part, spent_s in run.cpu.items():
        share = spent_s / run.took_s
        click.echo(f"CPU {part:15} {spent_s * 1000 / punches:10.3f} ms a punch, {share:.2f} cores")
    click.echo(f"records sent again  {run.resent:10}")


if __name__ == "__main__":
    fleet()
