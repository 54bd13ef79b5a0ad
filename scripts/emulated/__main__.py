"""A terminal on emulated arm64: the built wheel, one recognition, one punch to headquarters.

Run by `scripts/arm64-test`, which makes the root. kiosk and kiosk-sync run in it under qemu-user;
mosquitto and kiosk-hq run on the host, on loopback. Exit code 0: everything that is listed holds.
1: something does not, named in one line on stderr.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import click
import cv2

from emulated.comparing import Difference, compare
from emulated.root import Root
from morning.cast import Person, packaged_people, portrait
from morning.doorway import pictures_of
from morning.photos import fetch_photos
from morning.stage import Running, Stage, StageError, program

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "/opt/kiosk/bin"
FRAMES = 5  # of one person standing close: [decision] min_frames and two to spare
# Bounds, not measurements: on a machine of two cores shared by eight the whole took minutes.
RUN_WITHIN_S, DELIVERED_WITHIN_S = 600.0, 300.0


class NotOnArm64Error(RuntimeError):
    """Something that must hold on arm64 does not; the message says what."""


class Report:
    """What was found, line by line, with the seconds that each part took here."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def line(self, text: str) -> None:
        """Print one finding."""
        now = time.monotonic()
        click.echo(f"{now - self._since:6.1f} s  {text}")
        self._since = now


@click.command()
@click.option("--root", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--weights", type=click.Path(path_type=Path, exists=True), required=True)
def main(root: Path, weights: Path) -> None:
    """Try the product in ROOT and say what came of it."""
    report = Report()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kiosk-arm64-")))
            inside = stack.enter_context(Root(root, folder))
            copytree(weights, folder / "weights")
            jo = _cast(folder)
            copy(Path(__file__).with_name("recognising.py"), folder)
            _recognise(inside, folder, report)
            _punch(inside, folder, jo, report, stack)
    except (NotOnArm64Error, StageError) as error:
        click.echo(f"arm64-test: {error}", err=True)
        sys.exit(1)
    click.echo("passed")


def _cast(folder: Path) -> Person:
    """Jo, her photo in `folder`/photo.png, and in `folder`/door her standing at it."""
    cast = packaged_people(folder / "weights", fetch_photos(ROOT / ".cache" / "photos"))
    cv2.imwrite(str(folder / "photo.png"), portrait(cast[0].walks[0]))
    pictures_of(cast[:1], folder / "door", frames=FRAMES, gap=1)
    return cast[0]


def _recognise(inside: Root, folder: Path, report: Report) -> None:
    script = (
        str(folder / "recognising.py"),
        *(str(folder / n) for n in ("weights", "photo.png", "door")),
    )
    here = _told([sys.executable, *script])
    there = _told(inside.command(f"{INSIDE}/python", *script))
    if there["machine"] != "aarch64":
        raise NotOnArm64Error(f"the root's machine is {there['machine']}, not aarch64")
    packages = ", ".join(f"{name} {number}" for name, number in there["packages"].items())
    report.line(f"aarch64, Python {there['python']}: {packages}")
    for name, number in here["packages"].items():
        if there["packages"][name] != number:
            raise NotOnArm64Error(f"{name}: {number} here, {there['packages'][name]} there")
    found: Difference = compare(here, there)
    if found.wrong:
        raise NotOnArm64Error("; ".join(found.wrong))
    if there["verdict"] != "accept":
        raise NotOnArm64Error(
            f"both machines decided {there['verdict']}; the person stands at the door"
        )
    report.line(
        f"recognition: both decide {there['verdict']}, {found.frames} frames embedded; largest "
        f"difference to {here['machine']}: embeddings {found.embedding:.1e}, PAD {found.live:.1e}"
    )
    report.line(
        f"a frame took {there['milliseconds_a_frame']} ms under qemu, which says nothing of a Pi, "
        f"and {here['milliseconds_a_frame']} ms on this {here['machine']}"
    )


def _told(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotOnArm64Error(f"recognising: {done.stderr.strip()[-600:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _punch(inside: Root, folder: Path, jo: Person, report: Report, stack: ExitStack) -> None:
    camera: dict[str, str | int | float] = {
        "source": "pictures",
        "path": str(folder / "door"),
        "pace": "every-frame",
    }
    stage = Stage(folder, folder / "weights", datetime.now(UTC), camera, programs=_programs(inside))
    stack.callback(stage.close)
    stage.prepare()
    report.line("kiosk keys create; headquarters knows the terminal")
    words = ("--name", jo.name, "--consent", "test", str(folder / "photo.png"))
    answer = stage.ask("kiosk", "enrol", "1001", *words)
    report.line(f"kiosk enrol: {answer['templates']} template, in an encrypted database")
    stage.broker.start()
    stage.start("hq")
    stage.start("sync")
    kiosk = stage.start("kiosk")
    _wait(kiosk)
    punches = stage.ask("kiosk", "punches")
    if [p["person"] for p in punches] != ["1001"]:
        raise NotOnArm64Error(f"kiosk run wrote {len(punches)} punches for one person at the door")
    report.line("kiosk run on a folder of pictures with mock pins: one punch in the ledger")
    _delivered(stage)
    report.line("kiosk-sync brought it to headquarters over MQTT; its signed receipt came back")
    stage.run("kiosk", "ledger", "verify")
    report.line("kiosk ledger verify: the signed chain is whole")
    _run([*program("kiosk"), "ledger", "verify", "--config", str(stage.config)])
    report.line("the same databases open on this machine, and their chain is whole")


def _programs(inside: Root) -> Callable[[str], list[str]]:
    """Headquarters' program is the host's, the terminal's two are the root's."""

    def start(name: str) -> list[str]:
        if name == "hq":
            return program(name)
        return inside.command(f"{INSIDE}/{'kiosk-sync' if name == 'sync' else 'kiosk'}")

    return start


def _wait(kiosk: Running) -> None:
    try:
        code = kiosk.process.wait(RUN_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise NotOnArm64Error(
            f"kiosk run did not come to its pictures' end in {RUN_WITHIN_S:.0f} s"
        ) from None
    if code != 0:
        raise NotOnArm64Error(f"kiosk run ended with {code}: {kiosk.words[-3:]}")


def _delivered(stage: Stage) -> None:
    """Wait until the terminal has the receipt; headquarters must have the punch then."""
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while not all(p["confirmed"] for p in stage.ask("kiosk", "punches")):
        if time.monotonic() > deadline:
            raise NotOnArm64Error(f"no receipt within {DELIVERED_WITHIN_S:.0f} s")
    punches, arrived = stage.ask("kiosk", "punches"), stage.ask("hq", "punches")
    keys = ("seq", "person", "time")
    if [[p[k] for k in keys] for p in punches] != [[p[k] for k in keys] for p in arrived]:
        raise NotOnArm64Error("headquarters has another punch than the terminal")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotOnArm64Error(f"{Path(command[0]).name}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
