"""`kiosk evaluate`: how well this terminal's recogniser does on photos whose people are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kiosk.calibration_file import read
from kiosk.commands.measuring import acquire_with_bar, with_weights
from kiosk.commands.options import print_json, print_table, with_json, with_licence
from kiosk.errors import PhotoSetError
from kiosk.evaluation_html import report_html
from kiosk.evaluation_report import measures, summary
from kiosk.photo_sets import read_set, usable_pairs
from recognizer.evaluation import compare_all, compare_listed, evaluate
from recognizer.pipeline import RecognizerSettings, open_recognizer


@click.command("evaluate")
@click.argument("source", metavar="DIR|PAIRS", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the pictures of a pairs file are; beside it unless given.",
)
@with_weights
@click.option("--pack", default="open", show_default=True, help="Which pack.")
@with_licence
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `kiosk models calibrate` wrote, in place of the pack's own.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an HTML report; it names photos and shows none.",
)
@with_json
def evaluate_command(
    source: Path,
    images: Path | None,
    weights: Path,
    pack: str,
    accept_licence: str | None,
    calibration: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure the recogniser on a folder a person, LFW's pairs.txt, or a CSV with a,b,same.

    failure_to_enrol is the part of the people without a usable photo, failure_to_acquire that of
    the photos; fnmr and fmr are those at the operating threshold.
    """
    photos = read_set(source, images)
    own = None if calibration is None else read(calibration, pack)
    eyes = open_recognizer(
        weights,
        RecognizerSettings(pack=pack, pad=False, accept_licence=accept_licence, calibration=own),
    )
    known = eyes.calibration  # before the photos: a pack without one is told at once
    acquired = acquire_with_bar(eyes, photos)
    if photos.pairs is None:
        people = [photo.person for photo in acquired.photos]
        comparisons = compare_all(acquired.embeddings, people)
    else:
        comparisons = compare_listed(acquired.embeddings, usable_pairs(photos, acquired))
    found = evaluate(comparisons, acquired.people, known)
    result = summary(photos, acquired, found) | {"pack": pack, "model": eyes.model_digest}
    if report is not None:
        try:
            report.write_text(report_html(result, found), encoding="utf-8")
        except OSError as error:
            raise PhotoSetError(f"{report} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    print_table(("measure", "value", "remark"), measures(result))
    for kind in ("worst_genuine", "worst_impostor"):
        click.echo(f"\n{kind.replace('_', ' ')} pairs")
        for pair in result[kind][:5]:
            click.echo(f"  {pair['score']:+.4f}  {pair['a']}  {pair['b']}")
    for failure in result["failed_photos"]:
        click.echo(f"not used: {failure['photo']}: {failure['reason']}", err=True)
