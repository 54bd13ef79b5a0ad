"""`kiosk models optimize`: networks for small machines, made on a workstation."""

from __future__ import annotations

import time
from pathlib import Path

import click

from kiosk.calibration_file import read
from kiosk.commands.measuring import progress_bar, with_weights
from kiosk.commands.options import print_json, with_json, with_licence
from kiosk.optimizing import KINDS, Result, derive, judge_together, keep, networks
from kiosk.photo_sets import read_set
from kiosk.scenes import gather
from recognizer.derived import FILE
from recognizer.manifest import load_manifest
from recognizer.opening import RecognizerSettings
from recognizer.pipeline import open_recognizer


@click.command("optimize")
@click.argument(
    "photos", metavar="PHOTOS", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the derived networks go; [recognition] derived names it on the terminal.",
)
@click.option("--pack", default="open", show_default=True, help="Which pack.")
@with_weights
@with_licence
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `kiosk models calibrate` wrote, in place of the pack's own.",
)
@with_json
def optimize_command(
    photos: Path,
    folder: Path,
    pack: str,
    weights: Path,
    accept_licence: str | None,
    calibration: Path | None,
    as_json: bool,
) -> None:
    """Derive faster and smaller networks, calibrated and judged on PHOTOS, a folder a person.

    Only what stays within the bounds is kept (docs/tuning.md). Needs the extra `models`.
    """
    source, manifest = read_set(photos), load_manifest()
    settings = RecognizerSettings(
        pack=pack,
        pad=False,
        accept_licence=accept_licence,
        calibration=None if calibration is None else read(calibration, pack),
    )
    eyes = open_recognizer(weights, settings)
    known, chosen = eyes.calibration, manifest.pack(pack)
    with progress_bar("photos", len(source.photos)) as advance:
        scenes = gather(eyes, source, advance)
    results: list[Result] = []
    candidates = list(networks(weights, chosen, manifest, known, scenes))
    with progress_bar("networks", len(candidates) * len(KINDS)) as advance:
        for network in candidates:
            for result in derive(network, time.perf_counter):
                results.append(result)
                advance()
    results = judge_together(results, chosen, scenes)
    derived = keep(results, folder, pack, manifest, len(scenes.people))
    rows = [_row(result) for result in results]
    if as_json:
        print_json({"photos": derived.photos, "pictures": len(scenes.all), "networks": rows})
        return
    for row in rows:
        size = "" if row["bytes"] is None else f"{row['bytes']:,} bytes, "
        took = "" if row["time"] is None else f"{row['time']} of the time, "
        click.echo(f"{row['network']} {row['kind']}: {size}{took}{row['accuracy']}; {row['taken']}")
    attacks = len(scenes.all) - derived.photos
    click.echo(
        f"{len(derived.files)} networks in {folder / FILE}, from {derived.photos} faces of "
        f"{len(set(scenes.people))} people and {attacks} rendered attacks"
    )


def _row(result: Result) -> dict[str, object]:
    m, why = result.verdict.measured, result.verdict.why_not
    if "min_cosine" in m:
        accuracy = (
            f"least cosine {m['min_cosine']:.4f} (median {m['median_cosine']:.4f}), "
            f"FNMR {m['fnmr']:.2%} (original {m['fnmr_original']:.2%})"
        )
    elif m:
        accuracy = (
            f"scores within {m['largest_difference']:.1e}, {m['flips']:.0f} decided otherwise"
        )
    else:
        accuracy = "not measured"
    return {
        "network": result.network.file,
        "kind": result.kind,
        "bytes": None if result.raw is None else len(result.raw),
        "time": result.ratio,
        "accuracy": accuracy,
        "taken": "taken" if why is None else f"NOT TAKEN: {why}",
        "measured": m,
    }
