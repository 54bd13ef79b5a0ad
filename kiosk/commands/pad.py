"""`kiosk pad`: how well presentation attacks are told from living people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from kiosk.commands.measuring import progress_bar, with_weights, write_report
from kiosk.commands.options import print_json, print_table, with_json
from kiosk.errors import PhotoSetError
from kiosk.pad_report import SYNTHETIC_NOTE, pad_html, pad_rows, pad_summary
from kiosk.pad_sets import present, read_pad_set
from recognizer.decision import DecisionPolicy
from recognizer.opening import open_parts
from recognizer.pad_evaluation import Check, evaluate_pad
from recognizer.pipeline import Recognizer, RecognizerSettings


@click.group()
def pad() -> None:
    """Presentation attack detection."""


@pad.command("evaluate")
@click.argument(
    "source", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option("--synthetic", is_flag=True, help="Add attacks rendered from the live pictures.")
@with_weights
@click.option("--pack", default="open", show_default=True, help="Which pack.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an HTML report; it names pictures and shows none.",
)
@with_json
def evaluate_command(
    source: Path, synthetic: bool, weights: Path, pack: str, report: Path | None, as_json: bool
) -> None:
    """APCER a species and BPCER on DIR/live/ and one folder a species beside it.

    A picture is a presentation, and so is a folder of frames. Without live/, --synthetic renders
    both kinds from every picture below DIR.
    """
    chosen = read_pad_set(source, synthetic=synthetic)
    # With a vote the motion check is asked at all; each check is judged apart afterwards.
    settings = RecognizerSettings(pack=pack, motion_votes=True)
    parts = open_parts(weights, settings)
    if parts.pad is None:
        raise PhotoSetError(f"pack {pack} has no PAD to evaluate")
    total = len(chosen.presentations) + len(chosen.models)
    with progress_bar("presentations", total) as advance:
        presented, failed = present(chosen, lambda: Recognizer(parts, settings), advance)
    threshold, policy = parts.pad.spec.threshold, DecisionPolicy(threshold=0.0)
    rates = [evaluate_pad(presented, check, threshold, policy) for check in Check]
    result = pad_summary(presented, failed, rates, threshold, policy) | {"pack": pack}
    if report is not None:
        write_report(report, pad_html(result))
    if as_json:
        print_json(result)
    else:
        print_summary(result)


def print_summary(result: Mapping[str, Any]) -> None:
    """What `kiosk.pad_report.pad_summary` gave, as tables."""
    rows = pad_rows(result)
    print_table(tuple(rows[0]), rows)
    if result["simulated_motion"]:
        click.echo("\nmotion check on simulated landmarks (synthetic, no pictures)")
        print_table(tuple(result["simulated_motion"][0]), result["simulated_motion"])
    if result["synthetic"]:
        click.echo(f"\n{SYNTHETIC_NOTE}")
    for failure in result["failed_pictures"]:
        click.echo(f"not used: {failure['picture']}: {failure['reason']}", err=True)
