"""`kiosk evaluate`: how well this terminal's recogniser does on photos whose people are known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import click

from kiosk.commands.measuring import with_weights, write_report
from kiosk.commands.options import print_json, print_table, with_json
from kiosk.commands.pack_run import measure_pack
from kiosk.errors import PhotoSetError
from kiosk.evaluation_charts import write_charts
from kiosk.evaluation_html import report_html
from kiosk.evaluation_report import measures
from kiosk.evaluation_tables import (
    LATENCY,
    PACKS,
    ROBUSTNESS,
    group_tables,
    latency_note,
    latency_rows,
    open_set_note,
    pack_notes,
    pack_rows,
    robustness_rows,
)
from kiosk.group_file import read_groups
from kiosk.photo_sets import read_set
from kiosk.robustness import PHOTOS_A_PERSON
from recognizer.derived import Choice


@click.command("evaluate")
@click.argument("source", metavar="DIR|PAIRS", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the pictures of a pairs file are; beside it unless given.",
)
@click.option(
    "--groups",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV person|photo,attribute,…; DIR/groups.csv where there is one.",
)
@with_weights
@click.option(
    "--pack", "--packs", "packs", default="open", show_default=True, help="Which packs: a,b."
)
@click.option("--accept-licence", multiple=True, help="A pack's acceptance word; repeatable.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `kiosk models calibrate` wrote, in place of the pack's own.",
)
@click.option(
    "--derived",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of `kiosk models optimize`, whose networks are measured.",
)
@click.option(
    "--embedder",
    type=click.Choice(["pinned", "fp16", "int8"]),
    default="pinned",
    show_default=True,
    help="Which embedder of --derived: another than the pinned has templates of its own.",
)
@click.option("--robustness", is_flag=True, help="Degrade photos and measure again.")
@click.option(
    "--robustness-photos",
    type=click.IntRange(min=1),
    default=PHOTOS_A_PERSON,
    show_default=True,
    help="How many photos of each person are degraded.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an HTML report; it names photos and shows none.",
)
@click.option(
    "--charts",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write det.svg and scores.svg into this folder; of the first pack that opens.",
)
@with_json
def evaluate_command(
    source: Path,
    images: Path | None,
    groups: Path | None,
    weights: Path,
    packs: str,
    accept_licence: tuple[str, ...],
    calibration: Path | None,
    derived: Path | None,
    embedder: Literal["pinned", "fp16", "int8"],
    robustness: bool,
    robustness_photos: int,
    report: Path | None,
    charts: Path | None,
    as_json: bool,
) -> None:
    """Measure the recogniser on a folder a person, LFW's pairs.txt, or a CSV with a,b,same.

    failure_to_enrol is the part of the people without a usable photo, failure_to_acquire that of
    the photos; fnmr and fmr are those at the operating threshold.
    """
    if embedder != "pinned" and derived is None:
        raise click.BadParameter("needs --derived", param_hint="--embedder")
    form = Choice(derived, own_embedder=None if embedder == "pinned" else embedder)
    photos = read_set(source, images)
    if robustness and photos.pairs is not None:
        raise PhotoSetError("--robustness needs a folder a person, not a pairs file")
    if groups is None and (source / "groups.csv").is_file():
        groups = source / "groups.csv"
    held = {} if groups is None else read_groups(groups, photos.photos)
    names = list(dict.fromkeys(name.strip() for name in packs.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("name one pack at least", param_hint="--packs")
    degraded = robustness_photos if robustness else None
    runs = [
        measure_pack(
            name,
            photos,
            held,
            weights,
            accept_licence,
            calibration,
            degraded,
            form,
            time.perf_counter,
        )
        for name in names
    ]
    first = next((run for run in runs if run.found is not None), None)
    if first is None or first.found is None:
        raise next(run.error for run in runs if run.error is not None)
    if charts is not None:
        write_charts(charts, first.found)
    if report is not None:
        write_report(report, report_html([(run.result, run.found) for run in runs]))
    results = [run.result for run in runs]
    if as_json:
        print_json(first.result | ({"packs": results} if len(results) > 1 else {}))
        return
    if len(results) > 1:
        print_table(PACKS, pack_rows(results))
        for note in pack_notes(results):
            click.echo(f"not opened: {note}", err=True)
    for result in results:
        if result["error"] is None:
            _print(result)


def _print(result: dict[str, Any]) -> None:
    click.echo(f"\npack {result['pack']}")
    print_table(("measure", "value", "remark"), measures(result))
    if note := open_set_note(result):
        click.echo(note)
    for title, columns, rows, notes in group_tables(result):
        click.echo(f"\n{title}")
        print_table(columns, rows)
        for text in notes:
            click.echo(text)
    if result["robustness"] is not None:
        click.echo("\nrobustness: degraded probes against undegraded templates")
        print_table(ROBUSTNESS, robustness_rows(result))
    click.echo("\ntime a photo takes")
    print_table(LATENCY, latency_rows(result))
    click.echo(latency_note(result))
    for kind in ("worst_genuine", "worst_impostor"):
        click.echo(f"\n{kind.replace('_', ' ')} pairs")
        for pair in result[kind][:5]:
            click.echo(f"  {pair['score']:+.4f}  {pair['a']}  {pair['b']}")
    for failure in result["failed_photos"]:
        click.echo(f"not used: {failure['photo']}: {failure['reason']}", err=True)
